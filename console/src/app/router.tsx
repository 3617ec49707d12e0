import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  retainSearchParams,
} from '@tanstack/react-router';

import { REFUSED } from '../text/text';
import { oneOf, search, text } from '../url/search';
import { Behind } from './Behind';
import { Crash } from './Crash';
import { Lost } from './Lost';
import * as lists from './searches';

const root = createRootRoute({ component: Outlet, notFoundComponent: Lost, errorComponent: Crash });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: search({ to: text, sso: oneOf(REFUSED) }),
  component: lazyRouteComponent(() => import('../pages/sign-in/SignInPage'), 'SignInPage'),
});

const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitation',
  component: lazyRouteComponent(() => import('../pages/sign-in/InvitationPage'), 'InvitationPage'),
});

/** Everything behind the sign-in. The company, where it has to be named, stands in every address. */
const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  validateSearch: search({ company: text }),
  search: { middlewares: [retainSearchParams(['company'])] },
  component: Behind,
  notFoundComponent: Lost,
});

const under = { getParentRoute: () => app, errorComponent: Crash } as const;

const pages = [
  createRoute({
    ...under,
    path: '/',
    validateSearch: lists.overview,
    component: lazyRouteComponent(() => import('../pages/overview/OverviewPage'), 'OverviewPage'),
  }),
  createRoute({
    ...under,
    path: '/hosts',
    validateSearch: lists.hosts,
    component: lazyRouteComponent(() => import('../pages/hosts/HostsPage'), 'HostsPage'),
  }),
  createRoute({
    ...under,
    path: '/hosts/$host',
    validateSearch: lists.host,
    component: lazyRouteComponent(() => import('../pages/hosts/HostPage'), 'HostPage'),
  }),
  createRoute({
    ...under,
    path: '/software',
    validateSearch: lists.software,
    component: lazyRouteComponent(() => import('../pages/software/SoftwarePage'), 'SoftwarePage'),
  }),
  createRoute({
    ...under,
    path: '/software/$software',
    validateSearch: lists.softwareItem,
    component: lazyRouteComponent(() => import('../pages/software/SoftwareItemPage'), 'SoftwareItemPage'),
  }),
  createRoute({
    ...under,
    path: '/cves',
    validateSearch: lists.cves,
    component: lazyRouteComponent(() => import('../pages/cves/CvesPage'), 'CvesPage'),
  }),
  createRoute({
    ...under,
    path: '/cves/$cve',
    validateSearch: lists.cve,
    component: lazyRouteComponent(() => import('../pages/cves/CvePage'), 'CvePage'),
  }),
  createRoute({
    ...under,
    path: '/findings',
    validateSearch: lists.findings,
    component: lazyRouteComponent(() => import('../pages/findings/FindingsPage'), 'FindingsPage'),
  }),
  createRoute({
    ...under,
    path: '/exceptions',
    validateSearch: lists.exceptions,
    component: lazyRouteComponent(() => import('../pages/exceptions/ExceptionsPage'), 'ExceptionsPage'),
  }),
  createRoute({
    ...under,
    path: '/policies',
    validateSearch: lists.policies,
    component: lazyRouteComponent(() => import('../pages/policies/PoliciesPage'), 'PoliciesPage'),
  }),
  createRoute({
    ...under,
    path: '/policies/$policy',
    validateSearch: lists.policy,
    component: lazyRouteComponent(() => import('../pages/policies/PolicyPage'), 'PolicyPage'),
  }),
  createRoute({
    ...under,
    path: '/labels',
    validateSearch: lists.labels,
    component: lazyRouteComponent(() => import('../pages/labels/LabelsPage'), 'LabelsPage'),
  }),
  createRoute({
    ...under,
    path: '/reports',
    validateSearch: lists.reports,
    component: lazyRouteComponent(() => import('../pages/reports/ReportsPage'), 'ReportsPage'),
  }),
  createRoute({
    ...under,
    path: '/deploy',
    validateSearch: lists.deploy,
    component: lazyRouteComponent(() => import('../pages/deploy/DeployPage'), 'DeployPage'),
  }),
  createRoute({
    ...under,
    path: '/imports',
    validateSearch: lists.imports,
    component: lazyRouteComponent(() => import('../pages/imports/ImportsPage'), 'ImportsPage'),
  }),
  createRoute({
    ...under,
    path: '/audit',
    validateSearch: lists.audit,
    component: lazyRouteComponent(() => import('../pages/audit/AuditPage'), 'AuditPage'),
  }),
  createRoute({
    ...under,
    path: '/webhooks',
    validateSearch: lists.webhooks,
    component: lazyRouteComponent(() => import('../pages/webhooks/WebhooksPage'), 'WebhooksPage'),
  }),
  createRoute({
    ...under,
    path: '/webhooks/$webhook',
    validateSearch: lists.webhook,
    component: lazyRouteComponent(() => import('../pages/webhooks/WebhookPage'), 'WebhookPage'),
  }),
  createRoute({
    ...under,
    path: '/settings',
    validateSearch: lists.settings,
    component: lazyRouteComponent(() => import('../pages/settings/SettingsPage'), 'SettingsPage'),
  }),
  createRoute({
    ...under,
    path: '/account',
    component: lazyRouteComponent(() => import('../pages/account/AccountPage'), 'AccountPage'),
  }),
  createRoute({
    ...under,
    path: '/companies',
    validateSearch: lists.companies,
    component: lazyRouteComponent(() => import('../pages/operator/CompaniesPage'), 'CompaniesPage'),
  }),
  createRoute({
    ...under,
    path: '/operators',
    component: lazyRouteComponent(() => import('../pages/operator/OperatorsPage'), 'OperatorsPage'),
  }),
  createRoute({
    ...under,
    path: '/pipeline',
    component: lazyRouteComponent(() => import('../pages/operator/PipelinePage'), 'PipelinePage'),
  }),
  createRoute({
    ...under,
    path: '/feeds',
    component: lazyRouteComponent(() => import('../pages/operator/FeedsPage'), 'FeedsPage'),
  }),
  createRoute({
    ...under,
    path: '/dead-letters',
    validateSearch: lists.deadLetters,
    component: lazyRouteComponent(() => import('../pages/operator/DeadLettersPage'), 'DeadLettersPage'),
  }),
] as const;

/** The pages by their addresses. */
export const router = createRouter({
  routeTree: root.addChildren([signIn, invitation, app.addChildren(pages)]),
  scrollRestoration: true,
  defaultErrorComponent: Crash,
});

declare module '@tanstack/react-router' {
  // The name is the library's.
  interface Register {
    router: typeof router;
  }
}
