/** What k6 has and @types/k6 does not name. */
declare const console: Record<"debug" | "log" | "info" | "warn" | "error", (...said: unknown[]) => void>;
