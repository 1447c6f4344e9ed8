import { ignored, safely } from "./safely.ts";

/** What a line is about. Never a payload, a result or a password. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A logger of four levels; `console` fits, and so do pino's and winston's with an adapter. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Says nothing: what `logger: false` means. */
export const silentLogger: Logger = Object.freeze({
  debug: ignored,
  info: ignored,
  warn: ignored,
  error: ignored,
});

/** The default: one line of text on the console for whatever is not only of use to a debugger. */
export const consoleLogger: Logger = Object.freeze({
  debug: ignored,
  info: printed("info"),
  warn: printed("warn"),
  error: printed("error"),
});

/** The logger that an option means; what it throws, or rejects with, ends there. */
export function loggerOf(option: Logger | false | undefined, byDefault: Logger = consoleLogger): Logger {
  return option === false ? silentLogger : safeLogger(option ?? byDefault);
}

/** Whether lines of the level `debug` go anywhere: a worker would write two for each job. */
export function logsDebug(logger: Logger): boolean {
  return logger !== silentLogger && logger !== consoleLogger;
}

function printed(level: "info" | "warn" | "error"): Logger["info"] {
  return (message, fields = {}) => {
    const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${inLine(value)}`);
    // Looked up at each line: a test, or a platform, may have put its own console there.
    // eslint-disable-next-line no-console -- what this logger is for
    console[level](`pqrun: ${message}${pairs.join("")}`);
  };
}

function inLine(value: LogFields[string]): string {
  return typeof value === "string" && /[\s"=]/.test(value) ? JSON.stringify(value) : String(value);
}

/** The user's logger. What it throws, or rejects with, ends here: there is no place left to log it. */
function safeLogger(logger: Logger): Logger {
  // pqrun's own do not throw, and are told apart by what they are.
  if (!logsDebug(logger)) return logger;
  const own: Readonly<Record<keyof Logger, (message: string, fields?: LogFields) => unknown>> = logger;
  const safe =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      void safely(() => own[level](message, fields), ignored);
    };
  return { debug: safe("debug"), info: safe("info"), warn: safe("warn"), error: safe("error") };
}
