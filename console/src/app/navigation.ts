import type { LinkProps } from '@tanstack/react-router';

import type { Permission } from '../api/permission';
import { text } from '../text/text';

/** A place in the navigation. */
export interface Place {
  to: NonNullable<LinkProps['to']>;
  label: string;
  /** Shown to those who may do this; to everybody when absent. */
  needs?: Permission;
}

const { nav } = text;

/** The navigation: what the API can serve, and nothing else. */
export const SECTIONS: readonly (readonly [string, readonly Place[]])[] = [
  [
    nav.look,
    [
      { to: '/', label: nav.overview, needs: 'inventory:read' },
      { to: '/hosts', label: nav.hosts, needs: 'inventory:read' },
      { to: '/software', label: nav.software, needs: 'inventory:read' },
      { to: '/cves', label: nav.cves, needs: 'inventory:read' },
      { to: '/findings', label: nav.findings, needs: 'inventory:read' },
    ],
  ],
  [
    nav.decide,
    [
      { to: '/exceptions', label: nav.exceptions, needs: 'inventory:read' },
      { to: '/policies', label: nav.policies, needs: 'inventory:read' },
      { to: '/labels', label: nav.labels, needs: 'inventory:read' },
      { to: '/reports', label: nav.reports, needs: 'inventory:read' },
    ],
  ],
  [
    nav.run,
    [
      { to: '/deploy', label: nav.deploy, needs: 'tokens:manage' },
      { to: '/imports', label: nav.imports, needs: 'inventory:read' },
      { to: '/pipeline', label: nav.pipeline, needs: 'inventory:read' },
      { to: '/dead-letters', label: nav.deadLetters, needs: 'dead_letters:manage' },
      { to: '/feeds', label: nav.feeds },
      { to: '/webhooks', label: nav.webhooks, needs: 'inventory:read' },
      { to: '/audit', label: nav.audit, needs: 'audit:read' },
      { to: '/settings', label: nav.settings, needs: 'inventory:read' },
    ],
  ],
  [
    nav.operate,
    [
      { to: '/companies', label: nav.companies, needs: 'companies:manage' },
      { to: '/operators', label: nav.operators, needs: 'operators:manage' },
    ],
  ],
];
