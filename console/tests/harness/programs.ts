import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const started: ChildProcess[] = [];

/** Runs a program to its end, and gives what it printed. */
export function run(program: string, args: string[], input?: string): string {
  return execFileSync(program, args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Starts a program that goes on, with what it says in a file. */
export function start(
  program: string,
  args: string[],
  log: string,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const file = openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', file, file], env: { ...process.env, ...env } });
  closeSync(file);
  started.push(child);
  return child;
}

/** Ends everything that was started, the last first, and waits until it is gone. */
export async function stopAll(): Promise<void> {
  for (const child of started.splice(0).reverse()) {
    if (child.exitCode !== null) continue;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await Promise.race([gone, sleep(20_000)]);
  }
}

/** Waits until something is there. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  seconds = 60,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const found = await ask();
    if (found !== undefined) return found;
    await sleep(200);
  }
  throw new Error(`${what} did not come within ${seconds} s`);
}

/** Where a collector's API listens, once it does. */
export function httpOf(data: string): string | undefined {
  const file = join(data, 'collector.json');
  if (!existsSync(file)) return undefined;
  const { http } = JSON.parse(readFileSync(file, 'utf8')) as { http?: string };
  return http === undefined ? undefined : `http://${http}`;
}

/** Makes this machine an agent with a token, and lets it report until the tests are over. */
export function agent(binaries: string, folder: string, name: string, token: string): void {
  const state = join(folder, name);
  mkdirSync(state, { recursive: true });
  const program = join(binaries, 'muster-agent');
  run(program, ['enroll', '--token-file', '-', '--state-dir', state], token);
  start(program, ['run', '--state-dir', state], join(folder, `${name}.log`));
}
