/** Loaded before the service, by `--import`: its clock is wrong by `SLUICE_CLOCK_SHIFT_MS`, those of its stores are not. */
const shift = Number(process.env.SLUICE_CLOCK_SHIFT_MS ?? 0);
const TrueDate = Date;
const trueNow = Date.now;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [trueNow() + shift] : args, newTarget),
  apply: () => new TrueDate(trueNow() + shift).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? () => trueNow() + shift : Reflect.get(target, name, receiver),
});
