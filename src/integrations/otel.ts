import { isPqrunError } from "../core/errors.ts";
import type { EnqueueOptions } from "../core/enqueue/check-job.ts";
import type { Enqueued } from "../core/enqueue/enqueue.ts";
import type { CallOptions } from "../core/executor.ts";
import type { PickedUpJob } from "../core/job.ts";
import { KIND, STATUS_ERROR } from "./otel-api.ts";
import type { OtelApi, OtelAttributes, OtelCounter, OtelInstrument, OtelSpan } from "./otel-api.ts";

export type { OtelApi, OtelAttributes, OtelCounter, OtelInstrument, OtelSpan } from "./otel-api.ts";

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** More attributes of a job's `process` span, such as its tenant. What it throws fails the attempt. @default none */
  readonly attributes?: ((job: PickedUpJob) => OtelAttributes) | undefined;
}

/** What {@link instrument} returns. */
export interface Instrumented {
  /**
   * The same store or producer, whose `enqueue` and `enqueueMany` are `send` spans and hand their trace on in the jobs' headers.
   * What it makes `with` a transaction does too.
   */
  store<S extends object>(store: S): S;
  /** The same handlers, each of whose runs is a `process` span in the trace of its enqueue. Their `ctx.store` is instrumented. */
  handlers<H extends object>(handlers: H): H;
}

const SYSTEM = "pqrun";
/** In seconds: what the messaging conventions advise. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** A job may wait for hours. */
const WAIT_BOUNDARIES = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 21_600];

type AnyHandler = (ctx: { readonly job: PickedUpJob; readonly store: object }) => unknown;
type Enqueue = (type: string, payload: unknown, options?: EnqueueOptions & CallOptions) => Promise<Enqueued>;
type NewJobs = readonly (EnqueueOptions & { readonly type: string })[];
type EnqueueMany = (jobs: NewJobs, options?: CallOptions) => Promise<readonly Enqueued[]>;

/**
 * Spans and metrics by OpenTelemetry's messaging conventions (1.45): `send` of each enqueue, `process` of each run, in one trace
 * that goes through the jobs' `headers`; `messaging.client.sent.messages`, `messaging.client.consumed.messages`,
 * `messaging.client.operation.duration`, `messaging.process.duration`, and `pqrun.job.wait`, from due to start.
 *
 * ```ts
 * import * as api from "@opentelemetry/api";
 * const otel = instrument(api);
 * const store = otel.store(new PgJobStore(pgExecutor(pool)));
 * const worker = new Worker({ store, handlers: otel.handlers(handlers) });
 * ```
 *
 * @param api the module `@opentelemetry/api`, with the SDK that the application has registered; without one nothing is recorded
 */
export function instrument<C>(api: OtelApi<C>, options: InstrumentOptions = {}): Instrumented {
  const tracer = api.trace.getTracer(SYSTEM);
  const instruments = instrumentsOf(api);

  /** Runs `work` in a span of its own and measures it. A snooze is how a handler ends, and no error. */
  const inSpan = async <T>(
    name: "send" | "process",
    destination: string | undefined,
    own: OtelAttributes,
    parent: C,
    work: (span: OtelSpan, context: C) => T | Promise<T>,
  ): Promise<T> => {
    const attributes: OtelAttributes = {
      "messaging.system": SYSTEM,
      "messaging.operation.name": name,
      "messaging.operation.type": name,
      ...(destination !== undefined && { "messaging.destination.name": destination }),
    };
    const kind = name === "send" ? KIND.producer : KIND.consumer;
    const title = destination === undefined ? name : `${name} ${destination}`;
    const span = tracer.startSpan(title, { kind, attributes: { ...own, ...attributes } }, parent);
    const context = api.trace.setSpan(parent, span as never);
    const duration = name === "send" ? instruments().operation : instruments().process;
    const start = performance.now();
    let failure: OtelAttributes = {};
    try {
      return await api.context.with(context, () => work(span, context));
    } catch (error) {
      if (!isPqrunError(error, "snooze")) failure = fail(span, error);
      throw error;
    } finally {
      duration.record((performance.now() - start) / 1000, { ...attributes, ...failure });
      span.end();
    }
  };

  /** Jobs with the context of their enqueue in their headers; what the caller has put there stays. */
  const carrying = (context: C, { headers }: EnqueueOptions): { headers?: Record<string, string> } => {
    const carrier: Record<string, string> = {};
    api.propagation.inject(context, carrier);
    const all = { ...carrier, ...headers };
    return Object.keys(all).length === 0 ? {} : { headers: all };
  };

  const sent = (jobs: readonly { readonly type: string }[], enqueued: readonly Enqueued[]): void => {
    for (const [index, { type }] of jobs.entries()) {
      if (enqueued[index]?.created !== true) continue;
      instruments().sent.add(1, {
        ...COMMON,
        "messaging.operation.name": "send",
        "messaging.destination.name": type,
      });
    }
  };

  const enqueueOf =
    (enqueue: Enqueue): Enqueue =>
    (type, payload, own = {}) =>
      inSpan("send", type, {}, api.context.active(), async (span, context) => {
        const enqueued = await enqueue(type, payload, { ...own, ...carrying(context, own) });
        span.setAttribute("messaging.message.id", enqueued.id);
        sent([{ type }], [enqueued]);
        return enqueued;
      });

  const enqueueManyOf =
    (enqueueMany: EnqueueMany): EnqueueMany =>
    (jobs, own) => {
      // What is no list is refused by the store, by its name.
      const list: NewJobs = Array.isArray(jobs) ? jobs : [];
      const [first] = list;
      const type = list.every((job) => job.type === first?.type) ? first?.type : undefined;
      const count = { "messaging.batch.message_count": list.length };
      return inSpan("send", type, count, api.context.active(), async (_, context) => {
        const carried = list.map((job) => ({ ...job, ...carrying(context, job) }));
        const enqueued = await enqueueMany(Array.isArray(jobs) ? carried : jobs, own);
        sent(list, enqueued);
        return enqueued;
      });
    };

  const instrumentStore = <S extends object>(store: S): S => {
    if (INSTRUMENTED.has(store)) return store;
    const instrumented = new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        if (name === "enqueue") return enqueueOf(method as Enqueue);
        if (name === "enqueueMany") return enqueueManyOf(method as EnqueueMany);
        if (name === "with") return (tx: unknown) => instrumentStore(method(tx) as object);
        return method;
      },
    });
    INSTRUMENTED.add(instrumented);
    return instrumented;
  };

  const instrumentHandler =
    (handler: AnyHandler): AnyHandler =>
    (ctx) => {
      const { job } = ctx;
      const own = {
        "messaging.message.id": job.id,
        "pqrun.job.attempt": job.attempts,
        ...options.attributes?.(job),
      };
      const parent = api.propagation.extract(api.context.active(), job.headers);
      const type = {
        ...COMMON,
        "messaging.operation.name": "process",
        "messaging.destination.name": job.type,
      };
      instruments().consumed.add(1, type);
      // A first attempt alone: a later one is due by its backoff. Two clocks, of which the wait is the difference.
      if (job.attempts === 1)
        instruments().wait.record(Math.max(0, Date.now() - job.runAfter.getTime()) / 1000, type);
      const store = instrumentStore(ctx.store);
      return inSpan("process", job.type, own, parent, () =>
        handler(Object.create(ctx, { store: { value: store, enumerable: true } }) as typeof ctx),
      );
    };

  return {
    store: instrumentStore,
    handlers: <H extends object>(handlers: H): H =>
      Object.fromEntries(
        Object.entries(handlers as Record<string, AnyHandler>).map(([type, handler]) => [
          type,
          // What `batch` has noted of a handler stays with it.
          Object.assign(instrumentHandler(handler), handler),
        ]),
      ) as H,
  };
}

/** A runner hands its own store to handlers: no enqueue is to be two spans. */
const INSTRUMENTED = new WeakSet();

const COMMON = { "messaging.system": SYSTEM };

function fail(span: OtelSpan, error: unknown): OtelAttributes {
  const type = error instanceof Error ? error.name : "_OTHER";
  span.recordException(error instanceof Error ? error : String(error));
  span.setAttribute("error.type", type);
  span.setStatus({ code: STATUS_ERROR, ...(error instanceof Error && { message: error.message }) });
  return { "error.type": type };
}

/** What is recorded. */
interface Instruments {
  readonly sent: OtelCounter;
  readonly consumed: OtelCounter;
  readonly operation: OtelInstrument;
  readonly process: OtelInstrument;
  readonly wait: OtelInstrument;
}

/** Made at their first use: the meter of a provider that is registered later would stay without one. */
function instrumentsOf<C>(api: OtelApi<C>): () => Instruments {
  let made: Instruments | undefined;
  return () => (made ??= makeInstruments(api));
}

function makeInstruments<C>(api: OtelApi<C>): Instruments {
  const meter = api.metrics.getMeter(SYSTEM);
  const seconds = (description: string, explicitBucketBoundaries = BOUNDARIES): object => ({
    description,
    unit: "s",
    advice: { explicitBucketBoundaries },
  });
  const messages = (description: string): object => ({ description, unit: "{message}" });
  return {
    sent: meter.createCounter("messaging.client.sent.messages", messages("Jobs that were enqueued.")),
    consumed: meter.createCounter("messaging.client.consumed.messages", messages("Attempts that began.")),
    operation: meter.createHistogram(
      "messaging.client.operation.duration",
      seconds("How long an enqueue took."),
    ),
    process: meter.createHistogram("messaging.process.duration", seconds("How long a handler ran.")),
    wait: meter.createHistogram("pqrun.job.wait", seconds("From due to start.", WAIT_BOUNDARIES)),
  };
}
