using LoraAdmin.Domain.Access;
using LoraAdmin.Platform.Web;

namespace LoraAdmin.Api;

/// <summary>The HTTP surface for other systems: bearer tokens, one scope per route, problems for every refusal.</summary>
public static class ApiFeature
{
    public const string Prefix = "/api/v1";

    public static IServiceCollection AddLoraApi(this IServiceCollection services)
    {
        services.AddDataProtection();
        services.AddSingleton<InFlightKeys>();
        services.AddSingleton<JobCursors>();
        services.AddOpenApi("v1", ApiDescription.SetUp);
        return services;
    }

    public static IEndpointRouteBuilder MapLoraApi(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder api = routes.MapGroup(Prefix);
        api.RequireRateLimiting(RateLimits.Api);
        Fails(api, 401, 403, 429, 500, 503);

        RouteGroupBuilder jobs = api.MapGroup("/training-jobs").WithTags("Training jobs");
        Fails(
            jobs.MapPost("", SubmitEndpoint.HandleAsync)
                .RequireAuthorization(Permissions.SubmitTraining)
                .WithName("submitTrainingJob")
                .WithSummary("Submit a training job")
                .WithDescription("Admits the job in one transaction, or writes nothing. Send keys of images as JSON, or the images themselves as a form.")
                .Produces<AcceptedAnswer>(StatusCodes.Status202Accepted)
                .AddOpenApiOperationTransformer(ApiDescription.DescribeSubmit),
            400, 402, 409, 413, 415, 422);
        jobs.MapGet("", JobEndpoints.ListAsync)
            .RequireAuthorization(Permissions.ReadTraining)
            .WithName("listTrainingJobs")
            .WithSummary("List training jobs, newest first")
            .Produces<JobListAnswer>()
            .Produces<ProblemBody>(StatusCodes.Status400BadRequest, Problem.ContentType);
        Fails(
            jobs.MapGet("/{id}", JobEndpoints.GetAsync)
                .RequireAuthorization(Permissions.ReadTraining)
                .WithName("getTrainingJob")
                .WithSummary("Read one training job")
                .Produces<JobAnswer>(),
            400, 404);
        Fails(
            jobs.MapPost("/{id}/cancel", JobEndpoints.CancelAsync)
                .RequireAuthorization(Permissions.CancelTraining)
                .WithName("cancelTrainingJob")
                .WithSummary("Cancel a training job")
                .WithDescription("Noted at once, done by the job's next step. Refused once training has ended.")
                .Produces<CommandAnswer>(StatusCodes.Status202Accepted)
                .AddOpenApiOperationTransformer(ApiDescription.DescribeCancel),
            400, 404, 409, 415);
        Fails(
            jobs.MapPost("/{id}/retry", JobEndpoints.RetryAsync)
                .RequireAuthorization(Permissions.RetryTraining)
                .WithName("retryTrainingJob")
                .WithSummary("Retry a failed or cancelled training job")
                .WithDescription("Goes on from the last proven thing (stored file, spooled file) before it trains again.")
                .Produces<CommandAnswer>(StatusCodes.Status202Accepted),
            400, 402, 404, 409);

        RouteGroupBuilder loras = api.MapGroup("/loras").WithTags("LoRAs");
        Fails(
            loras.MapGet("/{id}", LoraEndpoints.GetAsync)
                .RequireAuthorization(Permissions.ReadLoras)
                .WithName("getLora")
                .WithSummary("Read one LoRA")
                .Produces<LoraAnswer>(),
            400, 404);
        Fails(
            loras.MapPost("/{id}/link", LoraEndpoints.LinkAsync)
                .RequireAuthorization(Permissions.LinkLoras)
                .WithName("linkLora")
                .WithSummary("Make a link to the LoRA's file")
                .WithDescription("Whoever has the link can fetch the file until expires_at, without a token.")
                .Produces<LinkAnswer>(),
            400, 404, 409);

        routes.MapOpenApi("/openapi/{documentName}.json").RequireAuthorization();
        return routes;
    }

    private static void Fails(IEndpointConventionBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in statuses)
        {
            endpoint.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(ProblemBody), [Problem.ContentType]));
        }
    }
}
