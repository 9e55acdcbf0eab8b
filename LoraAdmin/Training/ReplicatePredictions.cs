using LoraAdmin.Domain.Training.Hosted;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Predictions of the validation model at Replicate, over the client that asks for trainings too.</summary>
/// <param name="webhook">Where the provider tells what becomes of the prediction with this name; null: it can't reach us, and is polled.</param>
internal sealed class ReplicatePredictions(ReplicateClient client, IOptions<ReplicateOptions> options, Func<string, string?> webhook) : IHostedPredictions
{
    private const string Predictions = "predictions";
    private const int BufferBytes = 64 * 1024;

    public TimeSpan CallTimeout => client.CallTimeout;

    public Task<HostedCreation> CreateAsync(HostedPredictionOrder order, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(order);
        byte[] body = ReplicateJson.Predict(options.Value.ValidationModelVersion, order, webhook(order.Name));
        return client.MakeAsync($"/{Predictions}", body, order.WeightsLink, cancellationToken);
    }

    public Task<HostedReading> GetAsync(string trainingId, CancellationToken cancellationToken) => client.GetAsync(Predictions, trainingId, cancellationToken);

    public Task<HostedReading> CancelAsync(string trainingId, CancellationToken cancellationToken) => client.CancelAsync(Predictions, trainingId, cancellationToken);

    public Task<HostedListing> ListAsync(DateTimeOffset since, CancellationToken cancellationToken) => client.ListAsync(Predictions, since, cancellationToken);

    public async Task<PictureReading> ReadPictureAsync(string link, long maxBytes, CancellationToken cancellationToken)
    {
        switch (await client.OpenAsync(link, "The image", options.Value.CallTimeout, cancellationToken))
        {
            case WeightsOpening.Found found:
                await using (found.Content)
                {
                    return found.LengthBytes > maxBytes ? new PictureReading.TooLarge() : await ReadAsync(found.Content, maxBytes, cancellationToken);
                }

            case WeightsOpening.Unavailable unavailable:
                return new PictureReading.Unavailable(unavailable.Reason);

            default:
                return new PictureReading.Unavailable("Replicate does not have it at the link that it gave");
        }
    }

    private static async Task<PictureReading> ReadAsync(Stream content, long maxBytes, CancellationToken cancellationToken)
    {
        using MemoryStream bytes = new();
        byte[] buffer = new byte[BufferBytes];
        try
        {
            int read;
            while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > maxBytes)
                {
                    return new PictureReading.TooLarge();
                }
            }
        }
        catch (IOException broken)
        {
            return new PictureReading.Unavailable(broken.Message);
        }

        return new PictureReading.Found(bytes.ToArray());
    }
}
