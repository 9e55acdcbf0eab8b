using System.Collections.Concurrent;
using LoraAdmin.Platform.Web;
using Microsoft.Extensions.Primitives;

namespace LoraAdmin.Api;

internal static class IdempotencyHeader
{
    public const string Name = "Idempotency-Key";
    public const int MaxLength = 200;

    /// <summary>The key, null when there is none, or what is wrong with it.</summary>
    public static (string? Key, Problem? Problem) Read(HttpRequest request)
    {
        if (!request.Headers.TryGetValue(Name, out StringValues values) || values.Count == 0)
        {
            return (null, null);
        }

        string key = values.ToString();
        bool good = values.Count == 1 && key.Length is > 0 and <= MaxLength && key.All(character => character is > ' ' and <= '~');
        return good
            ? (key, null)
            : (null, Problem.Invalid(Name, "The header is not one key of 1 to 200 visible ASCII characters.", "Send one fresh UUID per request that you may repeat."));
    }

    public static Problem InFlight() =>
        new(
            StatusCodes.Status409Conflict,
            "idempotency_key_in_flight",
            "The same request is still being worked on",
            "A request with this Idempotency-Key has arrived before and is not answered yet.",
            "Wait for its answer, or send this one again in a moment.")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };

    public static Problem Reused() =>
        new(
            StatusCodes.Status422UnprocessableEntity,
            "idempotency_key_reused",
            "The Idempotency-Key belongs to another request",
            "Within the last 7 days the key came with another body.",
            "Use a new key for a new request; repeat a request unchanged.");
}

/// <summary>
/// Keys that this process works on at the moment, from the first byte of a request on. Across processes the admission transaction decides: two that
/// meet there are told apart, and of two forms that are still arriving only one makes a job.
/// </summary>
internal sealed class InFlightKeys
{
    private readonly ConcurrentDictionary<(Guid Token, string Key), byte> running = new();

    /// <summary>Null: the key is in flight already.</summary>
    public IDisposable? TryTake(Guid token, string key) => running.TryAdd((token, key), 0) ? new Taken(this, token, key) : null;

    private sealed class Taken(InFlightKeys owner, Guid token, string key) : IDisposable
    {
        public void Dispose() => owner.running.TryRemove((token, key), out _);
    }
}
