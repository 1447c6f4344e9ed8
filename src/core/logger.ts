/** What a line is about. Never a payload, a result or a password. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A logger of four levels; `console` fits, and so do pino's and winston's with an adapter. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ignore = (): void => undefined;

/** Says nothing: what `logger: false` means. */
export const silentLogger: Logger = Object.freeze({
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
});

/** The default: one line of text on the console for whatever is not only of use to a debugger. */
export const consoleLogger: Logger = Object.freeze({
  debug: ignore,
  info: printed("info"),
  warn: printed("warn"),
  error: printed("error"),
});

/** The logger that an option means. */
export function loggerOf(option: Logger | false | undefined, byDefault: Logger = consoleLogger): Logger {
  return option === false ? silentLogger : (option ?? byDefault);
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
