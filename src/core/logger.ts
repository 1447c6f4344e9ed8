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

/** The default: says nothing. */
export const silentLogger: Logger = Object.freeze({
  debug: ignored,
  info: ignored,
  warn: ignored,
  error: ignored,
});

/** The user's logger. What it throws, or rejects with, ends here: there is no place left to log it. */
export function soundLogger(logger: Logger): Logger {
  if (logger === silentLogger) return logger;
  const own: Readonly<Record<keyof Logger, (message: string, fields?: LogFields) => unknown>> = logger;
  const sound =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      void safely(() => own[level](message, fields), ignored);
    };
  return { debug: sound("debug"), info: sound("info"), warn: sound("warn"), error: sound("error") };
}
