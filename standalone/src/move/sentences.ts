import type { Move } from "./state.ts";

const howToUndo =
  "To go back to it, first make sure that nothing was started on the new databases, then run `npx -y bun run up --undo-move`";

/** Why data that was moved is refused. */
export function wasMoved(folder: string, { target, sealed_at }: Move): string {
  return `The data in ${folder} was moved to ${target} at ${dateOf(sealed_at)} and is no longer served here. ${howToUndo}.`;
}

/** What a start on sealed data says if the move is not complete. */
export function unfinishedMove(url: string, folder: string, move: Move | null): string {
  return `Sate serves only the move on ${url}
The data in ${folder} was sealed at ${dateOf(move?.sealed_at)} to be moved to ${move?.target}, and the move is not complete. To complete it, run \`bun run move\` again with the same databases, or with new, empty ones.
${howToUndo}, with this process stopped.`;
}

const dateOf = (instant: number | null | undefined) => new Date(instant ?? 0).toISOString();
