/** Settings of a session that change how it reads or writes text, each at a value that is not the usual one. */
const ODD_SETTINGS: Readonly<Record<string, string>> = {
  array_nulls: "off",
  bytea_output: "escape",
  DateStyle: "SQL,DMY",
  escape_string_warning: "off",
  extra_float_digits: "-15",
  IntervalStyle: "sql_standard",
  quote_all_identifiers: "on",
  search_path: "pg_catalog",
  standard_conforming_strings: "off",
  timezone_abbreviations: "India",
  TimeZone: "America/St_Johns",
  transform_null_equals: "on",
  xmlbinary: "hex",
};

/** All of them at once, as `options` of a connection. */
export const ODD_OPTIONS = Object.entries(ODD_SETTINGS)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(" ");
