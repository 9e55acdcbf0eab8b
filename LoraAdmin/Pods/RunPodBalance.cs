using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Pods;

/// <summary>The account's money by RunPod's GraphQL, which answers 200 even when it fails.</summary>
public sealed class RunPodBalance(RunPodWire wire) : IAccountBalance
{
    private const long MaxBodyBytes = 1024 * 1024;

    private static readonly byte[] Query = """{"query":"query { myself { clientBalance currentSpendPerHr spendLimit } }"}"""u8.ToArray();

    public async Task<BalanceReading> ReadAsync(CancellationToken cancellationToken)
    {
        RunPodCall call = new("balance", HttpMethod.Post, wire.Options.EffectiveGraphQlUrl, CallPriority.Normal, MaxBodyBytes, Query);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            ProviderFailure failure = ProviderFailure.Ambiguous;
            (BalanceReading.Read? read, string? problem) = RunPodJson.Read<BalanceReading.Read>(answer, root => ReadFigures(root, out failure));
            if (read is not null)
            {
                return read;
            }

            reply = failure == ProviderFailure.Ambiguous
                ? wire.Unreadable(call, answer, problem!)
                : wire.Fail(call, answer, new ProviderError(failure, answer.Status, problem!, RequestId: answer.RequestId));
        }

        return new BalanceReading.Unavailable(reply.Error!);
    }

    private (BalanceReading.Read? Read, string? Problem) ReadFigures(JsonElement root, out ProviderFailure failure)
    {
        failure = ProviderFailure.Ambiguous;
        if (root.ValueKind != JsonValueKind.Object)
        {
            return (null, "the answer is no object");
        }

        if (root.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 0)
        {
            return (null, MessageOf(errors[0]));
        }

        if (!root.TryGetProperty("data", out JsonElement data) || data.ValueKind != JsonValueKind.Object
            || !data.TryGetProperty("myself", out JsonElement myself))
        {
            return (null, "the answer has no account");
        }

        if (myself.ValueKind == JsonValueKind.Null)
        {
            failure = ProviderFailure.Unauthorized;
            return (null, "RunPod knows no account for the key");
        }

        if (RunPodJson.MoneyOf(myself, "clientBalance", mayBeNegative: true) is not { } balance)
        {
            return (null, "the answer has no readable clientBalance");
        }

        // Nothing is spent at present when the figure is missing; the balance is what admission asks for.
        Usd spend = RunPodJson.MoneyOf(myself, "currentSpendPerHr") ?? Usd.Zero;
        return (new BalanceReading.Read(balance, spend, wire.Clock.GetUtcNow()), null);
    }

    private static string MessageOf(JsonElement error) =>
        error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out JsonElement message)
        && message.ValueKind == JsonValueKind.String
            ? message.GetString() ?? "an error without words"
            : "an error without words";
}
