import { createTheme, type CSSVariablesResolver, Drawer, Modal } from '@mantine/core';

/** The head of a dialog is none of the page's. */
const attributes = { header: { role: 'presentation' } };

/**
 * How everything looks. Only fonts that are on the machine: the console works where there is no internet.
 * The shades are those that have enough contrast with white text in light, and with the page in dark.
 */
export const theme = createTheme({
  primaryColor: 'blue',
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  cursorType: 'pointer',
  // Who asks their system for less motion gets none.
  respectReducedMotion: true,
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '600' },
  components: {
    Modal: Modal.extend({ classNames: { title: 'dialog-title' }, defaultProps: { attributes } }),
    Drawer: Drawer.extend({ classNames: { title: 'dialog-title' }, defaultProps: { attributes } }),
  },
});

/** The value that this page's styles have to carry, as the server wrote it; nothing in development. */
export function styleNonce(): string {
  const written = document.querySelector('meta[name="muster-style-nonce"]')?.getAttribute('content') ?? '';
  return written.startsWith('{{') ? '' : written;
}

/** Greys with enough contrast for text (WCAG 2.2, 1.4.3), where the library's own have less. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-0)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    '--mantine-color-error': 'var(--mantine-color-red-3)',
  },
});
