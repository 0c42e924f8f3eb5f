import type { DestinationStream } from 'pino';

/**
 * Writes the lines of one turn of the event loop together: under load each line would be a system call of its own,
 * and wake up whoever reads the log. Nothing is held for longer: what is logged before the process exits, by itself
 * or by an uncaught error, is written; a kill loses the lines of the turn it interrupts, and no others.
 * @param destination writes before it returns.
 */
export function gatherLines(destination: DestinationStream): DestinationStream {
  let gathered = '';

  function flush(): void {
    if (gathered === '') return;
    const lines = gathered;
    gathered = '';
    destination.write(lines);
  }

  process.once('exit', flush);
  return {
    write(line) {
      if (gathered === '') setImmediate(flush);
      gathered += line;
    },
  };
}
