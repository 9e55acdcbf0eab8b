using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Vendors;

/// <summary>
/// Notes what each answer of a vendor says of the time: its <c>Date</c>, in whole seconds (RFC 9110 §6.6.1), and the <c>Age</c> that a cache adds to it. An
/// answer without a readable date says nothing.
/// </summary>
/// <param name="clock">The clock that the portal decides by.</param>
public sealed class OutsideClockHandler(ClockStandings clocks, string subject, TimeProvider clock) : DelegatingHandler
{
    private static readonly TimeSpan Resolution = TimeSpan.FromSeconds(1);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        DateTimeOffset asked = clock.GetUtcNow();
        long began = clock.GetTimestamp();
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (DateOf(response) is { } date)
        {
            clocks.Note(subject, ClockReading.Between(date, Resolution, asked, clock.GetUtcNow(), clock.GetElapsedTime(began)));
        }

        return response;
    }

    private static DateTimeOffset? DateOf(HttpResponseMessage response)
    {
        if (!response.Headers.NonValidated.TryGetValues("Date", out var values)
            || !DateTimeOffset.TryParseExact(values.ToString(), "R", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date))
        {
            return null;
        }

        return date + (response.Headers.Age ?? TimeSpan.Zero);
    }
}
