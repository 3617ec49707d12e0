import { defineConfig } from '@playwright/test';

/**
 * One worker: what one journey makes, the next one finds. The site is started by `tests/harness/start.ts`, and
 * every page of it comes from the collector itself.
 */
export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  fullyParallel: false,
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  globalSetup: './tests/harness/start.ts',
  use: {
    viewport: { width: 1280, height: 860 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // As root, as in a build, Chromium's own sandbox cannot be had.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    },
    trace: 'retain-on-failure',
  },
  projects: [
    {
      name: 'pages',
      testMatch: [
        'companies.spec.ts',
        'filters.spec.ts',
        'journeys.spec.ts',
        'lists.spec.ts',
        'live.spec.ts',
        'people.spec.ts',
        'provider.spec.ts',
        'reports.spec.ts',
        'risk.spec.ts',
        'settings.spec.ts',
        'triage.spec.ts',
        'waited.spec.ts',
        'webhooks.spec.ts',
      ],
    },
    { name: 'access', testMatch: 'access.spec.ts', dependencies: ['pages'] },
    { name: 'bench', testMatch: 'bench.spec.ts', use: { trace: 'off' } },
    { name: 'screenshots', testMatch: 'screenshots.spec.ts', dependencies: ['pages'] },
  ],
});
