import { AsyncLocalStorage } from "node:async_hooks";

import type { OtelApi, OtelAttributes } from "../../src/integrations/otel.ts";

/** A span as it was when it ended. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: number | undefined;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly attributes: OtelAttributes;
  readonly failed: boolean;
}

interface Context {
  readonly traceId?: string;
  readonly spanId?: string;
}

/** Stands in for `@opentelemetry/api` with an SDK: W3C's header, contexts by AsyncLocalStorage, spans and measurements in lists. */
export function recordingOtel(): {
  readonly api: OtelApi<Context>;
  readonly spans: EndedSpan[];
  readonly measured: { readonly name: string; readonly value: number; readonly attributes: OtelAttributes }[];
} {
  const current = new AsyncLocalStorage<Context>();
  const spans: EndedSpan[] = [];
  const measured: { name: string; value: number; attributes: OtelAttributes }[] = [];
  const contexts = new Map<unknown, Context>();
  let ids = 0;
  const hex = (length: number): string => (ids += 1).toString(16).padStart(length, "0");
  const measuring =
    (name: string) =>
    (value: number, attributes: OtelAttributes = {}): void => {
      measured.push({ name, value, attributes });
    };
  const api: OtelApi<Context> = {
    trace: {
      getTracer: () => ({
        startSpan: (name, { kind, attributes = {} } = {}, parent = {}) => {
          const own = { traceId: parent.traceId ?? hex(32), spanId: hex(16) };
          const all: OtelAttributes = { ...attributes };
          let failed = false;
          const span = {
            setAttribute: (key: string, value: string | number | boolean) => {
              all[key] = value;
            },
            setStatus: ({ code }: { code: number }) => {
              failed = code === 2;
            },
            recordException: () => undefined,
            end: () => {
              spans.push({ name, kind, ...own, parentId: parent.spanId, attributes: all, failed });
            },
          };
          contexts.set(span, own);
          return span;
        },
      }),
      setSpan: (_, span) => contexts.get(span) ?? {},
    },
    context: {
      active: () => current.getStore() ?? {},
      with: (context, work) => current.run(context, work),
    },
    propagation: {
      inject: ({ traceId, spanId }, carrier) => {
        if (traceId !== undefined) carrier["traceparent"] = `00-${traceId}-${spanId ?? ""}-01`;
      },
      extract: (context, { traceparent }) => {
        const [, traceId, spanId] = traceparent?.split("-") ?? [];
        return traceId === undefined || spanId === undefined ? context : { traceId, spanId };
      },
    },
    metrics: {
      getMeter: () => ({
        createHistogram: (name) => ({ record: measuring(name) }),
        createCounter: (name) => ({ add: measuring(name) }),
      }),
    },
  };
  return { api, spans, measured };
}
