/** Two clocks, each in milliseconds. */
export interface Clocks {
  /** One that never goes back, and may stand still while its machine sleeps. */
  readonly now: () => number;
  /** The calendar's, which goes on then, and may be set back and forth. */
  readonly calendar: () => number;
}

/** A moment by both. */
export interface Moment {
  readonly at: number;
  readonly calendarAt: number;
}

/** This moment. */
export function momentOf({ now, calendar }: Clocks): Moment {
  return { at: now(), calendarAt: calendar() };
}

/** How long ago that was at the most: by the clock that says more. A calendar that was set back says nothing. */
export function mostMsSince({ at, calendarAt }: Moment, { now, calendar }: Clocks): number {
  return Math.max(now() - at, calendar() - calendarAt);
}
