import { notSent } from "../../core/sql/sql-state.ts";

/**
 * Marks what `call` rejects with before the event loop has turned. No request can have been made by then: the driver, or
 * the runtime's `fetch`, has refused the address.
 */
export async function markingRefusals<T>(call: () => Promise<T>): Promise<T> {
  const loop = { turned: false };
  const timer = setTimeout(() => {
    loop.turned = true;
  }, 0);
  try {
    return await call();
  } catch (error) {
    throw loop.turned ? error : notSent(error);
  } finally {
    clearTimeout(timer);
  }
}
