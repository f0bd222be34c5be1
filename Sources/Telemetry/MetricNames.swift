// Which metrics does Greenroom expose, and what does each tell?
//
// Reading the list is reading the contract. Whoever records a metric uses its name with swift-metrics; what stands here
// gives it help, unit and buckets. A metric that is not listed is exposed all the same, with its name for help.

extension MetricDescription {
    package static let greenroom: [MetricDescription] = [
        // The log.
        .init("greenroom_events_appended_total", "Events appended to the log, by kind."),
        .init("greenroom_events_duplicate_total", "Events that were appended before; the response has their first position."),
        .init(
            "greenroom_events_conflicts_total",
            "Events with the source and id of an earlier one that say something else; they are not appended, so what they say is lost."),
        .init("greenroom_events_superseded_total", "Events that did not fit their actor's state and changed nothing."),
        .init(
            "greenroom_events_skipped_total",
            "Events of the log that could not be read into the state and were skipped; the service's log names their positions."),
        .init(
            "greenroom_append_seconds", "Time from receiving events until they are durable.", unit: .seconds,
            buckets: Buckets.latencySeconds),
        .init("greenroom_commit_events", "Events of one commit.", buckets: Buckets.counts),
        .init("greenroom_log_bytes", "Size of the log's files.", unit: .bytes),
        .init("greenroom_log_disk_free_bytes", "Free bytes on the log's disk.", unit: .bytes),
        .init("greenroom_log_fence", "Of a log over a stream: the sequence of the election that counts."),
        .init("greenroom_log_stream_sequence", "Of a log over a stream: the last message that this instance has applied."),
        .init("greenroom_log_stream_behind_messages", "Messages of the stream that this instance hasn't applied yet."),
        .init(
            "greenroom_log_heard_age_seconds", "Seconds since this instance's last message was taken, or another's was applied.",
            unit: .seconds),
        .init("greenroom_log_handed_over_waiting", "Appends that were handed to the leader and wait for its answer."),
        .init("greenroom_log_publishes_total", "Messages that this instance published to the stream, by the answer."),
        .init("greenroom_log_writable", "1 if appends are accepted; 0 if the disk refuses them, or the log's file isn't at its path."),
        .init(
            "greenroom_log_time_ahead_seconds", "How far the log's time is ahead of the machine's clock, which was set back.",
            unit: .seconds),

        // The loop.
        .init(
            "greenroom_decision_seconds", "Time from a commit to the decision that follows.", unit: .seconds,
            buckets: Buckets.latencySeconds),
        .init(
            "greenroom_reaction_seconds", "Time from receiving an event to the scale target's response.", unit: .seconds,
            buckets: Buckets.latencySeconds),
        .init("greenroom_decisions_total", "Decisions, by pool, direction and deciding reason."),
        .init(
            "greenroom_shadow_decisions_total",
            "Decisions of shadow policies, which are never applied, by pool, shadow, direction and reason."),
        .init("greenroom_loop_lag_seconds", "Age of the oldest commit that the loop has not read.", unit: .seconds),
        .init("greenroom_actuation_failures_total", "Calls to scale targets that failed, by pool."),
        .init("greenroom_loop_read_failures_total", "Reads of the log that failed."),
        .init("greenroom_checkpoint_failures_total", "Checkpoints of the state that could not be saved."),

        // HTTP.
        .init("greenroom_http_requests_total", "Responses, by route and status."),
        .init(
            "greenroom_http_request_seconds", "Time from a request's head to the end of its response, by route.", unit: .seconds,
            buckets: Buckets.latencySeconds),
        .init("greenroom_http_bodies_refused_total", "Request bodies refused because too many bytes were waiting."),

        // External metrics.
        .init("greenroom_external_metrics_requests_total", "Responses of the external metrics API, by status."),
        .init(
            "greenroom_external_metrics_request_seconds", "Time from such a request's head to its response.", unit: .seconds,
            buckets: Buckets.latencySeconds),

        // The gateway before agent-substrate.
        .init("greenroom_gateway_resumes_upstream_total", "Resumes sent to ateapi, tries after the first included."),
        .init("greenroom_gateway_resumes_parked_total", "Resumes that found no free worker and were parked."),
        .init("greenroom_gateway_resumes_joined_total", "Calls that joined a resume of the same actor."),
        .init("greenroom_gateway_resumes_half_failed_total", "Resumes that failed and left their actor's worker taken."),
        .init("greenroom_gateway_resumes_healed_total", "Of these, those that succeeded in the end."),
        .init(
            "greenroom_gateway_parked_ended_total",
            "Parked callers that got no worker, by end: left, expired (parkSeconds or their deadline), full (maxParked)."),
        .init(
            "greenroom_gateway_parked_seconds", "Time from the first call to the answer of a resume that was parked.", unit: .seconds,
            buckets: Buckets.waitSeconds),
        .init("greenroom_gateway_no_eligible_pool_total", "Resumes that no WorkerPool fits; more workers don't help."),
        .init("greenroom_gateway_parked_resumes", "Resumes that are parked now."),
        .init("greenroom_gateway_half_failed_resumes", "Resumes that failed half way and are made again."),
        .init("greenroom_gateway_upstream_connections", "Open connections to ateapi."),
        .init("greenroom_gateway_lists_total", "Listings of ateapi's fleet, by outcome."),
        .init("greenroom_gateway_differences_total", "Events logged because a listing showed what the log lacked."),
        .init("greenroom_gateway_events_lost_total", "Events of the gateway that could not be logged; the next listing makes them good."),
        .init("greenroom_substrate_stuck_actors", "Actors stuck in ateapi, by state; docs/agent-substrate.md says what frees them."),

        // Object storage.
        .init("greenroom_object_storage_requests_total", "Requests to object stores, by store, operation and outcome."),
        .init(
            "greenroom_object_storage_request_seconds", "Time from such a request to its response, by store and operation.", unit: .seconds,
            buckets: Buckets.latencySeconds),

        // Pools.
        .init(
            "greenroom_pool_desired_workers",
            "Workers the pool should have: the count set on the target, or in mode recommend the last recommendation."),
        .init("greenroom_pool_ready_workers", "Workers that can host actors."),
        .init("greenroom_pool_busy_workers", "Workers that hold at least one actor, or whose pod reports work."),
        .init("greenroom_pool_starting_workers", "Workers requested that are not ready yet."),
        .init("greenroom_pool_draining_workers", "Workers that take no more actors."),
        .init(
            "greenroom_pool_updating_workers",
            "Workers that a rolling update of the target has to make yet, while the count is held for it."),
        .init(
            "greenroom_pool_reported_workers",
            "Workers of pools whose pods are asked, by what the pod said last: busy, idle, or unknown if it didn't answer."),
        .init("greenroom_workers_gone_total", "Workers that ended, by pool and reason: drained, lost, failed_to_start."),
        .init("greenroom_actors_crashed_total", "Turns that ended badly, by themselves or with their worker, by pool."),
        .init("greenroom_demand", "Actors that hold or want a slot, by state; waiting ones by reason. Counts the whole queue."),
        .init(
            "greenroom_policy_applied_timestamp_seconds",
            "When the pool's policy took effect, in seconds since 1970. Kept once it is deleted.",
            unit: .seconds),
        .init(
            "greenroom_pool_condition",
            "1 if a pool's condition holds: Ready, Active, Paused, Fallback, WorkersFailing, Updating, NoPolicy."),
        .init("greenroom_oldest_wait_seconds", "Age of the oldest waiting actor; 0 if none waits.", unit: .seconds),
        .init("greenroom_wait_seconds", "Time actors waited for a worker.", unit: .seconds, buckets: Buckets.waitSeconds),
        .init("greenroom_placements_total", "Actors placed on a worker, by tier of their snapshot."),
        .init(
            "greenroom_worker_start_seconds", "Time from the decision for a worker until it is ready.", unit: .seconds,
            buckets: Buckets.waitSeconds),

        // Pools of unclaimed sandboxes.
        .init("greenroom_claims_served_total", "Claims that got a sandbox, by launch: warm (of the pool), cold (none was ready), forced."),
        .init(
            "greenroom_claim_seconds", "Time from a claim until it has its sandbox, by launch.", unit: .seconds,
            buckets: Buckets.waitSeconds),
        .init(
            "greenroom_claims_warm_share", "Share of the claims that the pool could serve which it served, since its policy took effect."),
        .init("greenroom_claim_misses", "Claims that found no ready sandbox, by reason: pool_empty, pool_refilling, not_adopted."),
        .init("greenroom_idle_sandbox_seconds", "Sandboxes × seconds that lay ready and unclaimed."),

        // What other systems hear.
        .init("greenroom_sink_events_total", "Events that a sink was done with, by sink and outcome: delivered, refused."),
        .init("greenroom_sink_failures_total", "Attempts to give a sink an event that failed, by sink."),
        .init("greenroom_sink_lag_events", "Positions of the log that a sink has yet to get, by sink."),
        .init("greenroom_sink_lag_seconds", "Age of the event that a sink doesn't take; 0 if it takes them.", unit: .seconds),
        .init("greenroom_otlp_failures_total", "Requests that the OTLP collector didn't take, by signal."),
        .init("greenroom_otlp_spans_total", "Spans, by outcome: sent, rejected."),
        .init("greenroom_otlp_dropped_turns_total", "Turns without a trace, because too many were under way."),

        // Telemetry itself.
        .init(droppedSeriesName, "Series that were not recorded, because there are too many, or the name has another type."),
    ]

    static let droppedSeriesName = "greenroom_telemetry_dropped_series_total"
}
