// Loaded by --import: a process whose clock is an hour ahead of the database's.
import { shiftClock } from "./shift-clock.ts";

shiftClock(3_600_000);
