// npm run build: the client package, then the page at /.
import { buildPage } from './lib/build-page.mjs';

const fault = buildPage(process.execPath, { always: true });
if (fault) {
  process.stderr.write(`${fault}\n`);
  process.exitCode = 1;
}
