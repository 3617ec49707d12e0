import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';

import { connect } from '../api/client';
import { companiesKey } from '../api/keys';
import { companyOf, may } from '../api/permission';
import { ApiError, unwrap } from '../api/problem';
import { type Session, SessionContext } from '../api/session';
import { Failure, Loading } from '../parts/States';
import { useIsStillSignedIn } from './leave';
import { NotTheirs } from './Lost';
import { Shell } from './Shell';
import { StillSignedIn } from './StillSignedIn';

const route = getRouteApi('/app');

/** Asks who is signed in, and shows the pages to nobody else. */
export function Behind() {
  const named = route.useSearch().company;
  const isStill = useIsStillSignedIn();
  const me = useQuery({
    queryKey: ['me'],
    queryFn: () => unwrap(connect(undefined).GET('/api/v1/me')),
    refetchInterval: 60_000,
    enabled: !isStill,
  });
  const first = useQuery({
    queryKey: [...companiesKey(me.data?.id), 'first'],
    queryFn: () => unwrap(connect(undefined).GET('/api/v1/companies', { params: { query: { limit: 1 } } })),
    enabled: me.data?.is_operator === true && named === undefined,
  });
  const company = me.data && companyOf(me.data, named ?? first.data?.items[0]?.id);
  const session = useMemo<Session | null>(
    () =>
      me.data
        ? {
            me: me.data,
            company,
            may: (permission) => may(me.data, company, permission),
            api: connect(company),
          }
        : null,
    [me.data, company],
  );

  if (isStill) return <StillSignedIn />;
  if (me.error instanceof ApiError && me.error.status === 401) {
    return <ToSignIn />;
  }
  if (me.error instanceof ApiError && me.data === undefined) {
    return <Failure error={me.error} retry={() => void me.refetch()} />;
  }
  // Without a list of companies there is none to choose, which is not the same as none to be had.
  if (me.data?.is_operator === true && named === undefined && first.error instanceof ApiError) {
    return <Failure error={first.error} retry={() => void first.refetch()} />;
  }
  if (session === null || (me.data?.is_operator === true && named === undefined && first.isPending)) {
    return <Loading />;
  }
  // Whoever has several to choose from has theirs in the address, so that it can be sent to a colleague.
  const hasSeveral = session.me.is_operator || session.me.companies.length > 1;
  if (hasSeveral && named === undefined && company !== undefined) {
    return <ToCompany company={company} />;
  }
  if (named !== undefined && company === undefined) return <NotTheirs />;
  return (
    <SessionContext value={session}>
      {/* Nothing of a person or a company stays on the page when it is another's. */}
      <Shell key={`${session.me.id} ${company ?? 'none'}`} />
    </SessionContext>
  );
}

/** Goes to the sign-in, which comes back to this address. */
function ToSignIn() {
  const navigate = useNavigate();
  const router = useRouter();
  useEffect(() => {
    const { href } = router.state.location;
    void navigate({ to: '/sign-in', search: { to: href === '/' ? undefined : href }, replace: true });
    // Once: the address is another one as soon as it has been left.
  }, [navigate, router]);
  return <Loading />;
}

/** Puts the company into the address. */
function ToCompany({ company }: { company: string }) {
  const navigate = useNavigate();
  useEffect(() => {
    void navigate({ to: '.', search: (old) => ({ ...old, company }), replace: true });
  }, [navigate, company]);
  return <Loading />;
}
