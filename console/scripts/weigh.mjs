// Says how heavy the first page is, and refuses what is too much: its script, compressed, what that imports before
// anything is seen, and what it loads by itself afterwards.
import { readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BYTES_MAX = 300 * 1024;
const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));

/** What leads to another page, and is loaded when somebody goes there. */
const isPage = (key) => key.startsWith('src/pages/');

/**
 * A chunk and everything that it imports, at once or by itself later on: the search in the head of every page, the charts
 * of the overview. Only pages wait until somebody goes there.
 */
function chunks(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    const { imports = [], dynamicImports = [] } = manifest[key];
    for (const next of imports) chunks(next, seen);
    for (const next of dynamicImports) if (!isPage(next)) chunks(next, seen);
  }
  return seen;
}

const weigh = (keys) =>
  [...keys].reduce((sum, key) => sum + gzipSync(readFileSync(`dist/${manifest[key].file}`)).length, 0);

const entry = chunks('index.html');
let isTooMuch = false;
for (const page of ['src/pages/sign-in/SignInPage.tsx', 'src/pages/overview/OverviewPage.tsx']) {
  const bytes = weigh(chunks(page, new Set(entry)));
  isTooMuch ||= bytes > BYTES_MAX;
  console.log(`${page}: ${Math.round(bytes / 1024)} KiB of script, compressed`);
}
// For this alone: nobody else has to know what was made of what.
rmSync('dist/.vite', { recursive: true });
if (isTooMuch) {
  console.error(`more than ${BYTES_MAX / 1024} KiB for a first page`);
  process.exit(1);
}
