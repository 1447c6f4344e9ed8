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

/** The default: says nothing. */
export const silentLogger: Logger = Object.freeze({
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
});
