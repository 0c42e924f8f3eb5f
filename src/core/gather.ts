/**
 * Makes one call of what is asked for in one turn of the event loop.
 * @param most items of one call; more become several calls, side by side.
 * @param call does it for all, in order, or rejects for all.
 */
export function gatherCalls<Item>(
  most: number,
  call: (items: readonly Item[]) => Promise<void>,
): (item: Item) => Promise<void> {
  let items: Item[] = [];
  let gathered: Promise<void> = Promise.resolve();

  function begin(): Promise<void> {
    const gathering: Item[] = [];
    items = gathering;
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (items === gathering) items = [];
        call(gathering).then(resolve, reject);
      });
    });
  }

  return (item) => {
    if (items.length === 0 || items.length >= most) gathered = begin();
    items.push(item);
    return gathered;
  };
}
