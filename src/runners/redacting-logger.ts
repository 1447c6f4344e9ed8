import { silentLogger } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import { redacted } from "../core/values/error-text.ts";

/** The logger of a runner: errors in its lines pass the application's `redact`, as `last_error` does. */
export function redactingLogger(logger: Logger, redact: ((text: string) => string) | undefined): Logger {
  if (redact === undefined || logger === silentLogger) return logger;
  const write =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      const error = fields?.["error"];
      const shown = typeof error === "string" ? { ...fields, error: redacted(error, redact) } : fields;
      logger[level](message, shown);
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
