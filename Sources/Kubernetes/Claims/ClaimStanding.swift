// What does the log know of a pool's claims and sandboxes?
//
// From it a run goes on where the one before ended: what happened in between is told, and nothing twice.

package struct ClaimStanding: Hashable, Sendable {
    package struct Actor: Hashable, Sendable {
        package enum State: Hashable, Sendable { case waiting, running(on: String), resting, crashed }
        /// Within the pool's namespace: its claim's name.
        package var name: String
        /// Of the claim; nil where the log doesn't tell.
        package var uid: String?
        package var state: State

        package init(name: String, uid: String? = nil, state: State) {
            self.name = name
            self.uid = uid
            self.state = state
        }
    }

    package struct Worker: Hashable, Sendable {
        /// Within the pool's namespace: its sandbox' name.
        package var name: String
        package var uid: String?
        package var isDraining: Bool

        package init(name: String, uid: String? = nil, isDraining: Bool = false) {
            self.name = name
            self.uid = uid
            self.isDraining = isDraining
        }
    }

    package var actors: [Actor]
    package var workers: [Worker]

    package init(actors: [Actor] = [], workers: [Worker] = []) {
        self.actors = actors
        self.workers = workers
    }
}
