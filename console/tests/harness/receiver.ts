import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message as it came in. */
export interface Received {
  delivery: string;
  headers: IncomingHttpHeaders;
  text: string;
  events: { kind: string }[];
}

/** A program that webhooks tell things to, on this machine. */
export interface Receiver {
  url: string;
  /** What it answers with from now on. */
  answer: (status: number, text: string) => void;
  received: Received[];
  close: () => Promise<void>;
}

/** Starts a receiver; it takes nothing until it is told to. */
export async function receiver(): Promise<Receiver> {
  const received: Received[] = [];
  let [status, said] = [503, 'closed for the night'];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const text = Buffer.concat(pieces).toString();
      const { events } = JSON.parse(text) as { events: { kind: string }[] };
      const delivery = String(request.headers['muster-delivery']);
      received.push({ delivery, headers: request.headers, text, events });
      response.writeHead(status, { 'content-type': 'text/plain' }).end(said);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/muster`,
    answer: (next, text) => {
      [status, said] = [next, text];
    },
    received,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

/** Whether one of a message's signatures was made with a secret. */
export function isSignedWith(secret: string, message: Received): boolean {
  const header = String(message.headers['muster-signature']);
  const at = /t=(\d+)/.exec(header)?.[1] ?? '';
  const right = createHmac('sha256', secret).update(`${at}.${message.text}`).digest('hex');
  return [...header.matchAll(/v1=([0-9a-f]+)/g)].some((one) => one[1] === right);
}
