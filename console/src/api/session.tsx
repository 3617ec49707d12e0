import { createContext, use } from 'react';

import type { Api, Schemas } from './client';
import type { Permission } from './permission';

/** Who is signed in, and the company that is looked at. */
export interface Session {
  me: Schemas['Me'];
  /** The company, by its id; absent when an operator has not chosen one. */
  company: string | undefined;
  /** Whether what is asked may be done here. */
  may: (permission: Permission) => boolean;
  api: Api;
}

/** The session of the pages behind the sign-in. */
export const SessionContext = createContext<Session | null>(null);

/** The session; only for pages behind the sign-in. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error('a page behind the sign-in is shown without a session');
  return session;
}
