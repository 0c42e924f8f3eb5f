// @tus/server as its documentation starts it. Arguments: folder of its packages, port, folder of files, path.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, port, directory, path] = process.argv.slice(2);
const found = createRequire(`${modules}/`);
const load = (name) => import(pathToFileURL(found.resolve(name)).href);
const [{ Server }, { FileStore }] = [await load('@tus/server'), await load('@tus/file-store')];

const tus = new Server({ path, datastore: new FileStore({ directory }) });
const server = createServer((request, response) => tus.handle(request, response));
server.requestTimeout = 0;
server.listen(Number(port), '127.0.0.1');
