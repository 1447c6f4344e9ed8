import { columnLiteral } from "../../sql/array-literal.ts";
import { InvalidInputError } from "../../errors.ts";
import { ABSENT } from "../../job.ts";
import { checkWhole } from "../../values/check-number.ts";
import { checkOptions } from "../../values/known-options.ts";
import { MAX_KEY_LENGTH, checkText } from "../check-job.ts";
import type { EnqueueOptions } from "../check-job.ts";
import type { EnqueueNames } from "../enqueue-text.ts";
import type { CheckedJob, EnqueueKeys, OtherKey } from "../enqueue.ts";
import type { DebounceOptions } from "./key-options.ts";
import { keysText } from "./keys-text.ts";

const KEYS = ["dedupeKey", "idempotencyKey", "throttle", "debounce"] as const;
const WINDOWS = {
  throttle: { key: true, seconds: true },
  debounce: { key: true, seconds: true, maxSeconds: true },
} as const;
/** Longest window: 31 years. */
const MAX_SECONDS = 1e9;

const texts = new WeakMap<EnqueueNames, Map<string, string>>();

/**
 * What a `JobProducer` takes `idempotencyKey`, `throttle` and `debounce` with. A `PgJobStore` has it.
 *
 * ```ts
 * const producer = new JobProducer(neonExecutor(neon(env.DATABASE_URL)), { jobs, keys: enqueueKeys });
 * ```
 */
export const enqueueKeys: EnqueueKeys = Object.freeze({
  check(options: EnqueueOptions, field: string): OtherKey | undefined {
    const [option, another] = KEYS.filter((name) => options[name] !== undefined);
    if (another) throw new InvalidInputError(field + another, `none beside ${option}`, options[another]);
    const at = `${field}${option}`;
    switch (option) {
      case "idempotencyKey": {
        const text: unknown = options[option];
        checkText(at, text, MAX_KEY_LENGTH);
        return { option, text, keys: enqueueKeys };
      }
      case "throttle":
      case "debounce": {
        const window = options[option];
        checkOptions(window, WINDOWS[option], `${at}.`);
        const { key, seconds, maxSeconds = 10 * seconds } = window as DebounceOptions;
        checkText(`${at}.key`, key, MAX_KEY_LENGTH);
        checkWhole(`${at}.seconds`, seconds, 1, MAX_SECONDS);
        if (option === "throttle") return { option, text: `throttle:${key}`, seconds, keys: enqueueKeys };
        checkWhole(`${at}.maxSeconds`, maxSeconds, seconds, 10 * MAX_SECONDS);
        if ((options.runAfter ?? options.delayMs) !== undefined) {
          throw new InvalidInputError(at, "no runAfter and no delayMs beside it", window);
        }
        return { option, text: key, seconds: maxSeconds, delayMs: seconds * 1_000, keys: enqueueKeys };
      }
      default:
        return undefined;
    }
  },
  statement(names, jobs, params, byDefault) {
    const column = (read: (job: CheckedJob) => string | null | undefined): string =>
      columnLiteral(jobs.map(read), ABSENT.text);
    return {
      // One job needs no number of its own before it is written.
      text: textOf(
        names,
        byDefault || jobs.length === 1,
        jobs.some(({ key }) => key?.option === "debounce"),
      ),
      params: [
        ...params,
        column(({ key }) => (key?.option === "debounce" ? null : key?.text)),
        column(({ key }) => (key?.option === "debounce" ? key.text : null)),
        columnLiteral(
          jobs.map(({ key }) => key?.seconds),
          ABSENT.number,
        ),
      ],
    };
  },
} satisfies EnqueueKeys);

function textOf(names: EnqueueNames, ...variant: readonly [byDefault: boolean, debounces: boolean]): string {
  const own = texts.get(names) ?? new Map<string, string>();
  texts.set(names, own);
  const text = own.get(String(variant)) ?? keysText(names, ...variant);
  own.set(String(variant), text);
  return text;
}
