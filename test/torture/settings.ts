/** Settings that change how a session writes and reads text: nothing that is sent or read may depend on them. */
import { oneOf } from "./task.ts";

const SETTINGS = [
  ["array_nulls", ["off", "on"]],
  ["extra_float_digits", ["-15", "-5", "0", "3"]],
  ["DateStyle", ["SQL,DMY", "German", "Postgres,MDY", "ISO,YMD"]],
  ["IntervalStyle", ["sql_standard", "postgres_verbose", "iso_8601"]],
  ["TimeZone", ["America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]],
  ["bytea_output", ["escape", "hex"]],
  ["standard_conforming_strings", ["on", "off"]],
  ["quote_all_identifiers", ["on", "off"]],
  ["transform_null_equals", ["on", "off"]],
  ["search_path", ["pg_catalog", "public"]],
] as const satisfies readonly (readonly [string, readonly [string, ...string[]]])[];

/** One setting with a value. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Any of them. */
export function anySetting(random: () => number): Setting {
  const [name, values] = oneOf<readonly [string, readonly [string, ...string[]]]>(random, SETTINGS);
  return { name, value: oneOf(random, values) };
}

/** All of them, each with some value. */
export function allSettings(random: () => number): readonly Setting[] {
  return SETTINGS.map(([name, values]) => ({ name, value: oneOf<string>(random, values) }));
}

/** The database's address with settings as the connection's option. */
export function withSettings(address: string, settings: readonly Setting[]): string {
  const url = new URL(address);
  url.searchParams.set("options", settings.map(({ name, value }) => `-c ${name}=${value}`).join(" "));
  return url.href;
}
