/** Where the browser is sent to sign in by somebody's company: by an address of theirs, or by its name. */
export function startOf(whose: string, to: string | undefined): string {
  const query = new URLSearchParams({ [whose.includes('@') ? 'email' : 'company']: whose.trim() });
  if (to !== undefined) query.set('to', to);
  return `/api/v1/oidc/start?${query.toString()}`;
}
