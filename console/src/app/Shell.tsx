import {
  ActionIcon,
  AppShell,
  Burger,
  Button,
  Group,
  Menu,
  NavLink,
  Text,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';

import { useSession } from '../api/session';
import { Live } from '../live/Live';
import { Standing } from '../live/Standing';
import { text } from '../text/text';
import { CompanyPicker } from './CompanyPicker';
import { leave } from './leave';
import { SECTIONS } from './navigation';
import { needsNone, NoCompany } from './NoCompany';

const Find = lazy(() => import('./Find').then((module) => ({ default: module.Find })));

/** What surrounds every page: navigation, search, the company and the account. */
export function Shell() {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const { company } = useSession();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);

  // A new page is announced and begins at its top, as one that the server sends would be.
  useEffect(() => {
    close();
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    main.current?.focus({ preventScroll: true });
  }, [pathname, close]);

  return (
    <Live>
      <AppShell
        header={{ height: 56 }}
        navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        padding="md"
      >
        <a className="skip" href="#main">
          {text.nav.skip}
        </a>
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="xs">
            <Group gap={8} wrap="nowrap" className="head-left">
              <Burger
                opened={isOpen}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={text.nav.menu}
                aria-expanded={isOpen}
              />
              <Text component={Link} to="/" fw={700} size="lg" c="inherit" className="brand">
                {text.product}
              </Text>
              <CompanyPicker />
            </Group>
            <Group gap={6} wrap="nowrap" className="head-right">
              <Standing />
              <Suspense>
                <Find />
              </Suspense>
              <Scheme />
              <Account />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" aria-label={text.nav.main}>
          <Navigation pathname={pathname} />
        </AppShell.Navbar>
        <AppShell.Main ref={main} id="main" tabIndex={-1} className="main">
          {company === undefined && !needsNone(pathname) ? <NoCompany /> : <Outlet />}
        </AppShell.Main>
      </AppShell>
    </Live>
  );
}

function Navigation({ pathname }: { pathname: string }) {
  const { may } = useSession();
  return (
    <div className="navigation">
      {SECTIONS.map(([name, places]) => {
        const shown = places.filter((place) => place.needs === undefined || may(place.needs));
        if (shown.length === 0) return null;
        return (
          <div key={name} role="group" aria-label={name}>
            <Text size="xs" fw={600} c="dimmed" px="sm" pt="sm" aria-hidden="true">
              {name}
            </Text>
            {shown.map((place) => {
              const to: string = place.to;
              const isHere = to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(`${to}/`);
              return (
                <NavLink
                  key={to}
                  component={Link}
                  to={place.to}
                  label={place.label}
                  active={isHere}
                  aria-current={isHere ? 'page' : undefined}
                  className="place"
                />
              );
            })}
          </div>
        );
      })}
    </div>
  );
}

const SCHEMES = ['light', 'dark', 'auto'] as const;

/** Light or dark; the system's until somebody chooses. */
function Scheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={text.nav.scheme}>
          <span aria-hidden="true">◐</span>
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(next) => setColorScheme(SCHEMES.find((one) => one === next) ?? 'auto')}
        >
          {SCHEMES.map((scheme) => (
            <Menu.RadioItem key={scheme} value={scheme}>
              {text.nav.schemes[scheme]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

function Account() {
  const { me } = useSession();
  const navigate = useNavigate();
  const [isLeaving, setLeaving] = useState(false);

  async function signOut() {
    setLeaving(true);
    // Who could not be signed out is told so in place of the pages.
    if (await leave()) await navigate({ to: '/sign-in' });
  }

  return (
    <>
      {/* It is there from the beginning, so that what comes into it is read out. */}
      <span role="status" className="visually-hidden">
        {isLeaving && text.nav.signingOut}
      </span>
      <Menu>
        <Menu.Target>
          <Button variant="default" size="sm" className="head-button" loading={isLeaving}>
            <span className="hide-narrow">{me.name}</span>
            <span className="show-narrow" aria-hidden="true">
              {me.name.slice(0, 1).toUpperCase()}
            </span>
            <span className="visually-hidden">{text.nav.account}</span>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{me.name}</Menu.Label>
          <Menu.Item component={Link} to="/account">
            {text.nav.own}
          </Menu.Item>
          <Menu.Item component="a" href="/api/v1/docs/" target="_blank" rel="noreferrer">
            {text.nav.api}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={() => void signOut()}>{text.nav.signOut}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
