/** One event of a stream, as the HTML standard (section 9.2) defines it. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The last id seen so far; '' before the first. */
  readonly id: string;
}

export interface StreamReader {
  /** Events that are complete with this piece of text. */
  push(text: string): StreamEvent[];
  /** Pause before a reconnection, in milliseconds, where the service set one. */
  retryMs(): number | null;
}

/** Takes the text of a stream in pieces of any size. */
export function createStreamReader(lastEventId = ''): StreamReader {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id = lastEventId;
  let retry: number | null = null;

  function line(text: string): StreamEvent | null {
    if (text === '') {
      const complete = data.length > 0 ? { event: event || 'message', data: data.join('\n'), id } : null;
      event = '';
      data = [];
      return complete;
    }
    const colon = text.indexOf(':');
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) retry = Number(value);
    return null;
  }

  return {
    push(text) {
      rest += text;
      // A CR at the very end may be half of a CRLF: it waits for what comes next.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      return lines.map(line).filter((complete) => complete !== null);
    },
    retryMs: () => retry,
  };
}
