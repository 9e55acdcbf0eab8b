namespace LoraAdmin.Platform.Vendors;

/// <summary>What came of one HTTP exchange with a vendor, before anybody judges the status.</summary>
public abstract record VendorExchange
{
    private VendorExchange()
    {
    }

    /// <summary>A status line and headers arrived.</summary>
    public sealed record Answered(VendorAnswer Answer) : VendorExchange;

    /// <summary>The connection could not be made: the request was certainly not received.</summary>
    public sealed record NotSent(string Reason) : VendorExchange;

    /// <summary>Time-out or broken connection before the status arrived: the request may or may not have been done.</summary>
    public sealed record Lost(string Reason) : VendorExchange;
}

/// <summary>An answer with its body read up to a bound.</summary>
/// <param name="Body">Null when it could not be read whole; <paramref name="BodyProblem"/> says why.</param>
/// <param name="RequestId">Header <c>x-request-id</c>, at most 200 characters.</param>
/// <param name="RateLimit">Header <c>RateLimit</c>, several lines joined.</param>
/// <param name="RateLimitPolicy">Header <c>RateLimit-Policy</c>, several lines joined.</param>
/// <param name="RetryAfter">Header <c>Retry-After</c> as it was sent.</param>
public sealed record VendorAnswer(
    int Status, byte[]? Body, string? BodyProblem, string? RequestId, string? RateLimit, string? RateLimitPolicy, string? RetryAfter)
{
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>Status only: a body may hold secrets that were sent.</summary>
    public override string ToString() => $"HTTP {Status}, {Body?.Length ?? 0} bytes";
}

/// <param name="Bytes">Null when the body could not be read whole; <paramref name="Problem"/> says why.</param>
/// <param name="IsTooLong">The bound was passed: the other side's fault, not the connection's.</param>
public readonly record struct VendorBody(byte[]? Bytes, string? Problem, bool IsTooLong = false);
