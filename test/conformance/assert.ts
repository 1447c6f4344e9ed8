/** Fails the test, saying what was promised. */
export function fail(promise: string): never {
  throw new Error(promise);
}

/** Fails unless `condition` holds. */
export function ok(condition: boolean, promise: string): asserts condition {
  if (!condition) fail(promise);
}

/** Fails unless both are the same value, at any depth. */
export function equal(actual: unknown, expected: unknown, promise = "the same value"): void {
  if (!same(actual, expected)) fail(`${promise}: expected ${show(expected)}, got ${show(actual)}`);
}

/** The reason of a rejection. Fails where there is none. */
export async function rejected(work: Promise<unknown>, promise = "a rejection"): Promise<unknown> {
  const value = await work.then(
    (result: unknown) => ({ result }),
    (error: unknown) => ({ error }),
  );
  return "error" in value ? value.error : fail(`${promise}: it resolved with ${show(value.result)}`);
}

/** What `work` resolves with. Fails instead of waiting for ever. */
export async function soon<T>(work: Promise<T>, promise: string, ms = 60_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${promise}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that the test resolves. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: ((value: T) => void) | undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (value) => resolve?.(value) };
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && Object.is(a.getTime(), b.getTime());
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [ofA, ofB] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return ofA.size === ofB.size && [...ofA].every(([key, value]) => ofB.has(key) && same(value, ofB.get(key)));
}

function show(value: unknown): string {
  if (value === undefined) return "undefined";
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part));
  return text.length > 500 ? `${text.slice(0, 500)}… (${text.length} characters)` : text;
}
