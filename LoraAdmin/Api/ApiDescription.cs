using LoraAdmin.Domain.Training;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LoraAdmin.Api;

/// <summary>What the OpenAPI document says beyond what the routes and types tell by themselves.</summary>
internal static class ApiDescription
{
    private const string TokenScheme = "ApiToken";

    public static void SetUp(OpenApiOptions options)
    {
        options.ShouldInclude = description => description.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) == true;
        options.AddDocumentTransformer(DescribeDocument);
    }

    public static async Task DescribeSubmit(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        IOpenApiSchema json = await context.GetOrCreateSchemaAsync(typeof(SubmitBody), parameterDescription: null, cancellationToken);
        OpenApiSchema form = new()
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string>
            {
                TrainingRequestCheck.UserIdField,
                TrainingRequestCheck.NameField,
                TrainingRequestCheck.EmailField,
                TrainingRequestCheck.ImagesField,
            },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                [TrainingRequestCheck.UserIdField] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid", Description = "Stands before the first file." },
                [TrainingRequestCheck.NameField] = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = TrainingRequestCheck.MaxNameLength },
                [TrainingRequestCheck.EmailField] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "email", MaxLength = TrainingRequestCheck.MaxEmailLength },
                [TrainingRequestCheck.GpuTypeField] = new OpenApiSchema { Type = JsonSchemaType.String },
                [TrainingRequestCheck.ImagesField] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    Description = "JPEG, PNG or WebP; the field is repeated for each file.",
                    Items = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                },
            },
        };
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new() { Schema = json },
                ["multipart/form-data"] = new() { Schema = form },
            },
        };
        operation.Parameters ??= [];
        operation.Parameters.Add(new OpenApiParameter
        {
            Name = IdempotencyHeader.Name,
            In = ParameterLocation.Header,
            Description = "1 to 200 visible ASCII characters, per token, remembered for 7 days: repeating a request with its key never makes a second job.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = IdempotencyHeader.MaxLength },
        });
    }

    public static async Task DescribeCancel(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        IOpenApiSchema body = await context.GetOrCreateSchemaAsync(typeof(CancelBody), parameterDescription: null, cancellationToken);
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = body } },
        };
    }

    private static Task DescribeDocument(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info.Title = "LoraAdmin API";
        document.Info.Version = "v1";
        document.Info.Description = "Training jobs and LoRAs for the service's own systems. Every refusal is application/problem+json with a code and a remedy.";
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[TokenScheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "An API token of the portal.",
        };
        document.Security ??= [];
        document.Security.Add(new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(TokenScheme, document)] = [] });
        return Task.CompletedTask;
    }
}
