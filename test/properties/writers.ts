import assert from 'node:assert/strict';
import type { Session } from '../../src/core/session.ts';
import type { Service } from '../engine/service.ts';
import { exchange, head, type RawAnswer, rawClient } from '../protocols/raw-http.ts';
import { type Wire, type WriteRequest, wireOf } from './requests.ts';

/** What writers of one upload see, and what must hold of it. */
export interface Observed {
  /**
   * The highest offset that anybody was told. Asked for before a question or a request is sent: from then on
   * nobody may be told less.
   */
  acknowledged(): number;
  tell(offset: number, atLeast: number): void;
}

/** @param falls Whether a PUT may begin the upload anew, so that offsets may fall. */
export function observe(falls: boolean): Observed {
  let highest = 0;
  return {
    acknowledged: () => (falls ? 0 : highest),
    tell(offset, atLeast) {
      assert.ok(offset >= atLeast, `invariant B: the offset fell from ${atLeast} to ${offset}`);
      highest = Math.max(highest, offset);
    },
  };
}

/** The offset, asked in tus. */
export async function askOffset(service: Service, session: Session, observed: Observed): Promise<number> {
  const atLeast = observed.acknowledged();
  const answer = await exchange(service.port, 'HEAD', service.target(session), { 'tus-resumable': '1.0.0' });
  assert.equal(answer.status, 200);
  const offset = Number(answer.headers['upload-offset']);
  observed.tell(offset, atLeast);
  return offset;
}

/** One writer: makes its requests one after the other. */
export async function write(
  service: Service,
  session: Session,
  file: Buffer,
  requests: readonly WriteRequest[],
  observed: Observed,
): Promise<void> {
  let known = 0;
  for (const request of requests) {
    if (request.belief === 'asked') known = await askOffset(service, session, observed);
    const offset = request.belief === 'wrong' ? Math.floor(file.length * request.share) : known;
    const wire = wireOf(request, file, offset);
    const sends = [send(service, session, request, wire, observed)];
    if (request.twice) sends.push(send(service, session, request, wire, observed));
    await Promise.all(sends);
  }
}

/** Answers that a writer may get, when nothing is wrong with the service. */
const EXPECTED = [201, 204, 400, 409, 413, 460];

async function send(
  service: Service,
  session: Session,
  { cut, dialect }: WriteRequest,
  { method, headers, body }: Wire,
  observed: Observed,
): Promise<void> {
  const atLeast = observed.acknowledged();
  const client = rawClient(service.port);
  const answered = client.answer().catch(() => null);
  void client.send(head(method, service.target(session), headers));
  if (cut === null) {
    void client.send(body);
  } else {
    await client.send(body.subarray(0, Math.floor(body.length * cut.after)));
    if (cut.how === 'reset') client.socket.resetAndDestroy();
    else client.hangUp();
  }
  const answer = await answered;
  client.socket.destroy();
  if (answer) check(answer, { dialect, atLeast, observed });
}

function check(
  answer: RawAnswer,
  { dialect, atLeast, observed }: Pick<WriteRequest, 'dialect'> & { atLeast: number; observed: Observed },
): void {
  assert.ok(EXPECTED.includes(answer.status), `${dialect} was answered ${answer.status}: ${answer.text}`);
  const told = answer.headers['upload-offset'];
  if (told !== undefined) observed.tell(Number(told), atLeast);
}
