/** The other side answered, but not as the contract says: the same call would most likely fail again. Found as the `cause` of an `Unavailable`. */
export class Refused extends Error {
  override name = "Refused";
}
