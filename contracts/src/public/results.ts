import { Type } from "@sinclair/typebox";
import { open } from "../values/object.ts";
import { Execution } from "./executions.ts";
import { page } from "./page.ts";
import { ResultOfExecution } from "./result-of-execution.ts";

export const Result = Type.Object({ ...ResultOfExecution.properties, execution: Execution }, open);

export const Results = page("results", Result);
