/** `pqrun/executor`: for those who write an adapter, or speak SQL of their own about pqrun's table. */
export { EXECUTOR, isExecutor } from "./core/executor.ts";
export type {
  ListenCallbacks,
  Listening,
  QueryOptions,
  SqlExecutor,
  SqlRow,
  SqlStatement,
} from "./core/executor.ts";
export { executor } from "./core/make-executor.ts";
export type { ExecutorMembers } from "./core/make-executor.ts";
export { notSent, sqlState } from "./core/sql/sql-state.ts";
export { tableNames } from "./core/sql/table-names.ts";
export type { TableNames, TableOptions } from "./core/sql/table-names.ts";
