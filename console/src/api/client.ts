import createClient, { type Client } from 'openapi-fetch';

import type { components, paths } from './schema';

/** The public API, typed by its own document. */
export type Api = Client<paths>;

/** The types that the document names. */
export type Schemas = components['schemas'];

/**
 * A client that works in a company; without one, where the server knows it by itself or it does not matter.
 *
 * The session is a cookie that scripts cannot read; `Muster-Csrf` says that it was no other site which asked.
 */
export function connect(company: string | undefined): Api {
  const headers: Record<string, string> = { 'Muster-Csrf': '1' };
  if (company !== undefined) headers['Muster-Company'] = company;
  return createClient<paths>({ baseUrl: window.location.origin, headers });
}

/** Asks for the stream of events of a company, after the last one that was seen. */
export function askForEvents(
  company: string | undefined,
  last: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (company !== undefined) headers['Muster-Company'] = company;
  if (last !== undefined) headers['Last-Event-ID'] = last;
  return fetch('/api/v1/events', { headers, signal, cache: 'no-store' });
}
