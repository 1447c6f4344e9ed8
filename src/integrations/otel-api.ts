/*
 * What is used of `@opentelemetry/api`, which the application passes: `import * as api from "@opentelemetry/api"` fits. So pqrun
 * needs neither the package nor one version of it, and its globals are those that the application has registered.
 */

/** Values of attributes. */
export type OtelAttributes = Record<string, string | number | boolean>;

/** A span. */
export interface OtelSpan {
  setAttribute(name: string, value: string | number | boolean): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: Error | string): void;
  end(): void;
}

/** A histogram. */
export interface OtelInstrument {
  record(value: number, attributes?: OtelAttributes): void;
}

/** A counter. */
export interface OtelCounter {
  add(value: number, attributes?: OtelAttributes): void;
}

/** The module `@opentelemetry/api`. `C` is its context. */
export interface OtelApi<C> {
  readonly trace: {
    getTracer(
      name: string,
      version?: string,
    ): {
      startSpan(
        name: string,
        options?: { kind?: number; attributes?: OtelAttributes },
        context?: C,
      ): OtelSpan;
    };
    setSpan(context: C, span: never): C;
  };
  readonly context: {
    active(): C;
    with<T>(context: C, work: () => T): T;
  };
  readonly propagation: {
    inject(context: C, carrier: Record<string, string>): void;
    extract(context: C, carrier: Readonly<Record<string, string>>): C;
  };
  readonly metrics: {
    getMeter(
      name: string,
      version?: string,
    ): {
      createHistogram(name: string, options?: InstrumentOptions): OtelInstrument;
      createCounter(name: string, options?: InstrumentOptions): OtelCounter;
    };
  };
}

interface InstrumentOptions {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/** `SpanKind` and `SpanStatusCode`, whose numbers the specification has fixed. */
export const KIND = { client: 2, producer: 3, consumer: 4 } as const;
export const STATUS_ERROR = 2;
