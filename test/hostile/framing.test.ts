import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P, target } from './target.ts';

/**
 * Requests whose end two parsers may see in two places (RFC 9112, section 11.2). A proxy in front may be the
 * other parser, so nothing is repaired: 400, and the connection is closed, so what follows is never a request.
 */

const victim = target();
const { raw } = victim;
const SMUGGLED = `GET /livez HTTP/1.1\r\nHost: smuggled\r\n\r\n`;
const NO_BODY = '0\r\n\r\n';

/** Head of a request, and what follows it. `{}` stands for the two header lines that every request needs. */
const BROKEN: Readonly<Record<string, string>> = {
  'a length and chunks': `POST {path} HTTP/1.1\r\n{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${NO_BODY}`,
  'chunks and a length': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${NO_BODY}`,
  'two lengths': `POST {path} HTTP/1.1\r\n{}Content-Length: 0\r\nContent-Length: 44\r\n\r\n`,
  'the same length twice': `POST {path} HTTP/1.1\r\n{}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
  'a list of lengths': `POST {path} HTTP/1.1\r\n{}Content-Length: 0, 0\r\n\r\n`,
  'a length with a sign': `POST {path} HTTP/1.1\r\n{}Content-Length: +0\r\n\r\n`,
  'a negative length': `POST {path} HTTP/1.1\r\n{}Content-Length: -1\r\n\r\n`,
  'a length in hex': `POST {path} HTTP/1.1\r\n{}Content-Length: 0x0\r\n\r\n`,
  'a length with a blank in it': `POST {path} HTTP/1.1\r\n{}Content-Length: 0 0\r\n\r\n`,
  'an empty length': `POST {path} HTTP/1.1\r\n{}Content-Length: \r\n\r\n`,
  'a length beyond 64 bits': `POST {path} HTTP/1.1\r\n{}Content-Length: 18446744073709551616\r\n\r\n`,
  'a blank before the colon': `POST {path} HTTP/1.1\r\n{}Content-Length : 0\r\n\r\n`,
  'a tab before the colon': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding\t: chunked\r\n\r\n${NO_BODY}`,
  'a coding before chunked that nobody knows': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: chunked, identity\r\n\r\n${NO_BODY}`,
  'a coding that looks like chunked': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: xchunked\r\n\r\n${NO_BODY}`,
  'an empty coding': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: \r\nContent-Length: 0\r\n\r\n`,
  'a coding behind a vertical tab': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: \x0bchunked\r\n\r\n${NO_BODY}`,
  'a bare line feed behind a header': `POST {path} HTTP/1.1\r\n{}X-A: b\nContent-Length: 0\r\n\r\n`,
  'bare line feeds alone': `GET {path} HTTP/1.1\n{}\n\n`,
  'a bare line feed at the end of the head': `POST {path} HTTP/1.1\r\n{}Content-Length: 0\r\n\n`,
  'a carriage return alone in a value': `POST {path} HTTP/1.1\r\n{}X-A: b\rContent-Length: 0\r\n\r\n`,
  'a folded header': `POST {path} HTTP/1.1\r\n{}Content-Length: 0\r\nX-A: b\r\n c\r\n\r\n`,
  'a folded coding': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding:\r\n chunked\r\n\r\n${NO_BODY}`,
  'a byte where the line feed should be': `POST {path} HTTP/1.1\r\n{}Content-Length: 0\r\n\rX`,
  'NUL in a value': `POST {path} HTTP/1.1\r\n{}X-A: \0\r\nContent-Length: 0\r\n\r\n`,
  'NUL in a name': `POST {path} HTTP/1.1\r\n{}X\0A: b\r\nContent-Length: 0\r\n\r\n`,
  'a header without a colon': `POST {path} HTTP/1.1\r\n{}Content-Length\r\n\r\n`,
  'a header without a name': `POST {path} HTTP/1.1\r\n{}: x\r\n\r\n`,
  'a first header that begins with a blank': `POST {path} HTTP/1.1\r\n X-A: b\r\n{}\r\n`,
  'no Host': `GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n`,
  'two Hosts': `POST {path} HTTP/1.1\r\n{}hOST: y\r\nContent-Length: 0\r\n\r\n`,
  'the same Host twice': `GET {path} HTTP/1.1\r\n{}Host: x\r\n\r\n`,
  'a coding before chunked': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: gzip, chunked\r\n\r\n${NO_BODY}`,
  'a coding before chunked on a line of its own': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n${NO_BODY}`,
  'chunked twice': `POST {path} HTTP/1.1\r\n{}Transfer-Encoding: chunked, chunked\r\n\r\n${NO_BODY}`,
  'HTTP/1.1 in small letters': `GET {path} http/1.1\r\n{}\r\n`,
  'HTTP/2 said in words': `GET {path} HTTP/2.0\r\n{}\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a method nobody has': `SMUGGLE {path} HTTP/1.1\r\n{}\r\n`,
  'blanks in the target': `GET {path} x HTTP/1.1\r\n{}\r\n`,
  'a TLS handshake': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};

for (const [name, request] of Object.entries(BROKEN)) {
  for (const [kind, path] of [
    ['JSON', `${P}/initiate`],
    ['upload', '/v1/uploads/12345678-1234-4678-9012-123456789012'],
  ] as const) {
    test(`${name}, to the ${kind} routes: 400, closed, and what follows is no request`, async () => {
      const head = request
        .replace('{path}', path)
        .replace('{}', `Host: x\r\nAuthorization: Bearer ${await victim.sign()}\r\n`);
      const answer = await raw(head + SMUGGLED);
      assert.match(answer, /^HTTP\/1\.1 400 /, answer.slice(0, 200));
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, answer);
      assert.match(answer, /connection: close/i);
      assert.doesNotMatch(answer, /alive/);
    });
  }
}

test('what follows a request that is refused for its form takes no effect', async () => {
  const session = await victim.session();
  const cancel = `DELETE ${session.path}?token=${session.token} HTTP/1.1\r\nHost: x\r\n\r\n`;
  for (const refused of [
    'GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    `POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${NO_BODY}`,
  ]) {
    assert.match(await raw(refused + cancel), /^HTTP\/1\.1 400 /);
    const { body } = await victim.call(`${P}/sessions/${session.id}`);
    assert.equal(body.status, 'active', refused);
  }
});

test('chunked may be written in capitals', async () => {
  const session = await victim.session({ expected_file_size: 5 });
  const answer = await raw(
    `PUT ${session.path}?token=${session.token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 415 /, 'its five bytes are read, and are no video');
});

const CHUNKS: Readonly<Record<string, string>> = {
  'a size that is no number': 'x\r\nhello\r\n0\r\n\r\n',
  'a size with 0x': '0x5\r\nhello\r\n0\r\n\r\n',
  'a negative size': '-5\r\nhello\r\n0\r\n\r\n',
  'a size beyond 64 bits': '10000000000000005\r\nhello\r\n0\r\n\r\n',
  'more bytes than its size': '2\r\nhello\r\n0\r\n\r\n',
  'no line end behind its bytes': '5\r\nhello0\r\n\r\n',
  'a bare line feed behind its size': '5\nhello\r\n0\r\n\r\n',
  'a line feed in its extension': '5;a=\n\r\nhello\r\n0\r\n\r\n',
  'a blank before its size': ' 5\r\nhello\r\n0\r\n\r\n',
};

for (const [name, body] of Object.entries(CHUNKS)) {
  test(`a chunk with ${name}: the connection is closed, and what follows is no request`, async () => {
    const session = await victim.session({ expected_file_size: 5 });
    for (const [method, path] of [
      ['POST', `${P}/initiate`],
      ['PUT', `${session.path}?token=${session.token}`],
    ] as const) {
      const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${await victim.sign()}\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const answer = await raw(head + body + SMUGGLED);
      assert.doesNotMatch(answer, /alive/, answer);
      assert.ok((answer.match(/HTTP\/1\.1 \d/g)?.length ?? 0) <= 1, answer);
      assert.doesNotMatch(answer, /HTTP\/1\.1 2\d\d/, answer);
    }
    const { body: status } = await victim.call(`${P}/sessions/${session.id}`);
    assert.ok(status.status === 'active' || status.status === 'failed', status.status);
  });
}

test('requests one behind the other are answered one behind the other, to the last', async () => {
  const one = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
  const answer = await raw(`${one}${one}${one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`);
  assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 3);
});

test('methods that would turn the service into something else are refused', async () => {
  for (const request of [
    'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n',
    'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Secret: 1\r\n\r\n',
    'GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n',
  ]) {
    const answer = await raw(request).catch(() => '');
    assert.doesNotMatch(answer, /^HTTP\/1\.1 (2|101)/, answer.slice(0, 100));
    assert.doesNotMatch(answer, /X-Secret/i);
  }
});
