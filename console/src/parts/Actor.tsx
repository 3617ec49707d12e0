import { useSession } from '../api/session';
import { actorName } from '../text/text';

interface ActorProps {
  /** Who, in the word that stays: `user:<id>`. */
  word: string;
  /** What they are called now; absent for who is none of the company's. */
  name: string | null | undefined;
}

/** Who did something, by name. */
export function Actor({ word, name }: ActorProps) {
  const { me } = useSession();
  // Operators are none of the company's people, but know themselves. Many are called by their address, which is longer
  // than a cell of a narrow screen and has no space to break at.
  return <span className="broken">{word === `user:${me.id}` ? me.name : actorName(word, name)}</span>;
}
