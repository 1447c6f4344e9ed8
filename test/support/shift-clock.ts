/** Sets this process's wall clock off, in each place where JavaScript reads it. The monotonic one has no hour to be off. */
export function shiftClock(byMs: number): void {
  const TrueDate = Date;
  const now = (): number => TrueDate.now() + byMs;
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new TrueDate(now()).toString(),
    get: (target, key, receiver) => (key === "now" ? now : (Reflect.get(target, key, receiver) as unknown)),
  });
  Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + byMs });
}
