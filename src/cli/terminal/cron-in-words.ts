const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SPANS: Readonly<Record<string, string>> = { "1-5": "Monday to Friday", "MON-FRI": "Monday to Friday" };

/** A cron expression in words, where it is one of the usual shapes; else as it stands. */
export function cronInWords(cron: string): string {
  const text = cron.trim();
  const fields = text.split(/\s+/);
  const [second = "0", minute = "", hour = "", day = "", month = "", weekday = ""] =
    fields.length === 6 ? fields : ["0", ...fields];
  const days = dayInWords(day, month, weekday);
  const each = stepInWords(second, minute, hour);
  if (days === undefined) return text;
  if (each !== undefined) return days === "" ? each : `${each}, ${days}`;
  if (!/^\d{1,2}$/.test(minute) || !/^\d{1,2}(?:,\d{1,2})*$/.test(hour) || second !== "0") return text;
  const times = hour.split(",").map((one) => `${one.padStart(2, "0")}:${minute.padStart(2, "0")}`);
  return `${days === "" ? "every day" : days} at ${times.join(", ")}`;
}

function stepInWords(second: string, minute: string, hour: string): string | undefined {
  const each = (field: string, unit: string): string | undefined => {
    if (field === "*") return `every ${unit}`;
    const step = /^\*\/(\d{1,2})$/.exec(field)?.[1];
    return step === undefined ? undefined : `every ${step} ${unit}s`;
  };
  if (hour === "*" && minute === "*" && second !== "0") return each(second, "second");
  if (hour === "*" && second === "0") {
    return /^\d{1,2}$/.test(minute) ? `every hour at :${minute.padStart(2, "0")}` : each(minute, "minute");
  }
  return second === "0" && minute === "0" ? each(hour, "hour") : undefined;
}

function dayInWords(day: string, month: string, weekday: string): string | undefined {
  if (month !== "*") return undefined;
  if (day === "*" && weekday === "*") return "";
  if (day === "*") {
    return (
      SPANS[weekday.toUpperCase()] ??
      (/^[0-7]$/.test(weekday) ? `on ${WEEKDAYS[Number(weekday)] ?? ""}` : undefined)
    );
  }
  if (weekday !== "*") return undefined;
  if (day.toUpperCase() === "L") return "on the last day of the month";
  return /^\d{1,2}$/.test(day) ? `on day ${day} of the month` : undefined;
}
