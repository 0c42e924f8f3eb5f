import { type DestinationStream, type Level, type Logger, pino } from 'pino';
import { describeError } from './describe-error.ts';
import { safeLine } from './safe-lines.ts';

/** Members that are not written, should somebody log a request as it is. */
const REDACTED = [
  'headers.authorization',
  'headers.cookie',
  'headers["x-api-key"]',
  'req.headers.authorization',
  'req.headers.cookie',
  'authorization',
  'cookie',
  'token',
  'password',
  'secret',
];

/** JSON lines that hold no secret and cannot be mistaken for others: see `safe-lines.ts`. */
export function createLogger(options: {
  readonly level: Level | 'silent';
  readonly destination: DestinationStream;
  /** Members of every line, asked for with each. */
  readonly context?: (() => object) | undefined;
}): Logger {
  const { level, destination, context } = options;
  return pino(
    {
      level,
      ...(context && { mixin: context }),
      redact: { paths: REDACTED, censor: '[secret]' },
      serializers: { err: describeError, error: describeError },
    },
    { write: (line) => destination.write(safeLine(line)) },
  );
}
