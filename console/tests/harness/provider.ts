import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A company's provider of identities on this machine, which lets everybody in as whoever it is told. */
export interface Provider {
  /** What it calls itself. It is another site than the collector's, as a real one is. */
  issuer: string;
  clientId: string;
  secret: string;
  /** Who is signed in there from now on. */
  is: (email: string) => void;
  close: () => Promise<void>;
}

/** What somebody was sent here with, until their code is taken. */
interface Asked {
  nonce: string;
  challenge: string;
  redirectUri: string;
  email: string;
}

const KEY_ID = 'k1';
/** With what a form has to escape. */
const SECRET = 's3cret: a+b';
const CLIENT_ID = 'muster';

/** Starts a provider (OpenID Connect Core 1.0, the code flow with PKCE), which signs with ES256. */
export async function provider(): Promise<Provider> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const codes = new Map<string, Asked>();
  let email = '';
  let issuer = '';

  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (claims: object) => {
    const message = `${part({ alg: 'ES256', kid: KEY_ID, typ: 'JWT' })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(message), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${message}.${signature.toString('base64url')}`;
  };

  /** Where somebody goes back to, let in. */
  function letIn(query: URLSearchParams): string {
    const code = randomUUID();
    const redirectUri = query.get('redirect_uri') ?? '';
    const [nonce, challenge] = [query.get('nonce') ?? '', query.get('code_challenge') ?? ''];
    codes.set(code, { nonce, challenge, redirectUri, email });
    const back = new URLSearchParams({ code, state: query.get('state') ?? '' });
    return `${redirectUri}?${back.toString()}`;
  }

  /** The tokens for a code, which is good once and with what it was asked for. */
  function exchange(form: URLSearchParams, authorization: string | undefined): object | undefined {
    const code = form.get('code') ?? '';
    const asked = codes.get(code);
    codes.delete(code);
    const verifier = form.get('code_verifier') ?? '';
    const isRight =
      asked?.challenge === createHash('sha256').update(verifier).digest('base64url') &&
      asked.redirectUri === form.get('redirect_uri') &&
      isClient(authorization);
    if (!isRight) return undefined;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: CLIENT_ID, nonce: asked.nonce, iat: now, exp: now + 300 };
    const person = { sub: asked.email, email: asked.email, email_verified: true, name: 'B. Person' };
    return { access_token: 'a', token_type: 'Bearer', id_token: token({ ...claims, ...person }) };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    const say = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    switch (pathname) {
      case '/.well-known/openid-configuration':
        say(200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          response_types_supported: ['code'],
        });
        break;
      case '/keys':
        say(200, {
          keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'ES256' }],
        });
        break;
      case '/authorize':
        response.writeHead(302, { location: letIn(searchParams) }).end();
        break;
      case '/token': {
        const tokens = exchange(new URLSearchParams(await bodyOf(request)), request.headers.authorization);
        say(tokens === undefined ? 400 : 200, tokens ?? { error: 'invalid_grant' });
        break;
      }
      default:
        say(404, {});
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    clientId: CLIENT_ID,
    secret: SECRET,
    is: (who) => {
      email = who;
    },
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

/** Whether a request shows the client's name and secret (RFC 6749, section 2.3.1: each as a form has it). */
function isClient(authorization: string | undefined): boolean {
  const pair = Buffer.from(/^Basic (.+)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString();
  const [id, secret] = pair.split(':').map((text) => decodeURIComponent(text.replaceAll('+', ' ')));
  return id === CLIENT_ID && secret === SECRET;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}
